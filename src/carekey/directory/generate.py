"""A large made-up directory, for measuring: as large as the national one, and alike every time.

Everything about the n-th person or organisation follows from the seed and from n alone, so any part can be made
again without the rest, and nothing is kept in memory. Every thousand people in a row have two thousand role
profiles, spread as in a real service: most people have one, a few have dozens.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from carekey.directory import national_rbac
from carekey.directory.events import MadeUpDirectoryLoaded
from carekey.directory.invented import (
    FAMILY_NAMES,
    GIVEN_NAMES,
    PLACE_BEGINNINGS,
    PLACE_ENDINGS,
    SINGLE_NAMES,
    TITLES,
)
from carekey.directory.model import (
    Coded,
    Membership,
    Organisation,
    Person,
    PersonStatus,
    Position,
    ProfessionalIds,
    Role,
    RoleProfile,
)
from carekey.directory.ports import DirectoryTx
from carekey.kernel.actor import Actor
from carekey.kernel.assurance import IAL
from carekey.kernel.clock import Clock
from carekey.kernel.ids import MembershipId, OrganisationCode, PersonId, RoleProfileId
from carekey.kernel.unit_of_work import Store

T = TypeVar("T")

_FIRST_PERSON = 656_000_000_000
_FIRST_PROFILE = 700_000_000_000
_FIRST_MEMBERSHIP = 800_000_000_000
_FIRST_WORKGROUP = 600_000_000_000
_MOST_PROFILES = 64
_BATCH = 2000

_SPREAD = {0: 64, 1: 560, 2: 190, 3: 80, 4: 45, 6: 30, 10: 20, 20: 7, 28: 3, 36: 1}
PROFILES_OF_A_THOUSAND = tuple(profiles for profiles, people in _SPREAD.items() for _ in range(people))
"""How many role profiles each of a thousand people has: two thousand in all, with a long tail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    people: int
    organisations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    people: int
    organisations: int
    positions: int
    role_profiles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What positions of one name are like at every organisation of a kind."""

    name: str
    role: str
    activities: tuple[str, ...] = ()
    workgroup: str = ""
    area: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    share: float
    """Of all organisations, counted from the largest."""
    names: tuple[str, ...]
    jobs: tuple[_Job, ...]


_RECEPTION = _Job(name="Receptionist", role="S8001:G8002:R8008", activities=("B0560",))
_KINDS = (
    _Kind(
        share=0.02,
        names=("General Hospital", "Infirmary", "Royal Hospital", "University Hospital"),
        jobs=(
            _Job(name="Staff nurse", role="S0030:G0100:R0620"),
            _Job(name="Ward nurse", role="S8000:G8000:R8001", workgroup="ward"),
            _Job(name="Ward manager", role="S8000:G8000:R8002", activities=("B0090", "B1300"), workgroup="ward"),
            _Job(name="Consultant", role="S0010:G0020:R0050", activities=("B0420", "B0825", "B8028"), area=True),
            _Job(name="Therapist", role="S8000:G8000:R8003", activities=("B0380",)),
            _Job(name="Clinic clerk", role="S8001:G8002:R8008", activities=("B0560", "B0825"), workgroup="clinic"),
            _Job(name="Student", role="S8000:G8000:R8004"),
            _Job(name="Systems support", role="S8001:G8005:R8015", activities=("B1570",)),
            _Job(name="Registration authority agent", role="S0080:G0440:R5090"),
        ),
    ),
    _Kind(
        share=0.13,
        names=("Surgery", "Medical Centre", "Family Practice", "Health Centre"),
        jobs=(
            _Job(name="General practitioner", role="S0010:G0020:R0260", activities=("B0420",)),
            _Job(name="Salaried GP", role="S0010:G0020:R0270"),
            _Job(name="Practice nurse", role="S0030:G0100:R0600", activities=("B0058",)),
            _RECEPTION,
            _Job(name="Medical secretary", role="S8000:G8001:R8006"),
        ),
    ),
    _Kind(
        share=0.35,
        names=("Pharmacy", "Dispensing Chemist"),
        jobs=(
            _Job(name="Pharmacist", role="S8000:G8000:R8003", activities=("B0570", "B0572")),
            _Job(name="Dispenser", role="S8001:G8002:R8008", activities=("B0570",)),
        ),
    ),
    _Kind(
        share=1.0,
        names=("Care Home", "Community Clinic", "Dental Practice", "Hospice", "Lodge"),
        jobs=(
            _Job(name="Clinician", role="S8000:G8000:R8000", activities=("B0360",)),
            _Job(name="Nurse", role="S8000:G8000:R8001"),
            _RECEPTION,
        ),
    ),
)


class _Draws:
    """Numbers that follow from a seed and a name: the same on every machine and in every release of Python."""

    __slots__ = ("_rest",)

    def __init__(self, seed: int, name: str, n: int) -> None:
        digest = hashlib.shake_128(f"{seed}/{name}/{n}".encode()).digest(192)
        self._rest = int.from_bytes(digest)

    def below(self, bound: int) -> int:
        self._rest, drawn = divmod(self._rest, bound)
        return drawn

    def of(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def percent(self, share: int) -> bool:
        return self.below(100) < share


def organisation(seed: int, n: int) -> Organisation:
    draws, kind = _Draws(seed, "organisation", n), _kind(n)
    place = f"{draws.of(PLACE_BEGINNINGS)}{draws.of(PLACE_ENDINGS)}"
    return Organisation(code=_code(n), name=f"{place} {draws.of(kind.names)}".upper())


def positions(n: int) -> tuple[Position, ...]:
    """All positions of the n-th organisation."""
    return tuple(
        Position(id=_position_id(n, index), organisation=_code(n), name=job.name, roles=(_role(n, job),))
        for index, job in enumerate(_kind(n).jobs)
    )


def person(seed: int, n: int) -> Person:
    draws = _Draws(seed, "person", n)
    given, family = draws.of(GIVEN_NAMES), draws.of(FAMILY_NAMES)
    middle = draws.of(GIVEN_NAMES) if draws.percent(40) else None
    if draws.percent(6):
        family = f"{family}-{draws.of(FAMILY_NAMES)}"
    if draws.percent(1):
        given, middle, family = "", None, draws.of(SINGLE_NAMES)
    initials = "".join(name[0] for name in (given, middle) if name) or None
    id = PersonId(str(_FIRST_PERSON + n))
    return Person(
        id=id,
        given_name=given,
        family_name=family,
        middle_names=middle,
        initials=initials,
        title=draws.of(TITLES) if draws.percent(80) else None,
        display_name=f"{family.upper()}, {given}".rstrip(", ") if draws.percent(10) else None,
        email=f"person.{n}@made-up.example" if draws.percent(90) else None,
        ial=IAL.IAL3 if draws.percent(97) else IAL.IAL2,
        status=PersonStatus.ACTIVE if draws.percent(98) else draws.of((PersonStatus.SUSPENDED, PersonStatus.CLOSED)),
        professional_ids=_professional_ids(draws, n),
    )


def roles_of(seed: int, n: int, *, organisations: int) -> tuple[tuple[Membership, ...], tuple[RoleProfile, ...]]:
    """Memberships and role profiles of the n-th person, in a directory with so many organisations."""
    draws, id = _Draws(seed, "roles", n), PersonId(str(_FIRST_PERSON + n))
    held: set[tuple[int, int]] = set()
    memberships: dict[int, Membership] = {}
    profiles: list[RoleProfile] = []
    wanted = PROFILES_OF_A_THOUSAND[(n * 617 + seed) % 1000]
    at = 0
    while len(profiles) < wanted and len(profiles) < organisations:
        if not profiles or draws.percent(40):
            # Most people work in hospitals, which open each hundred; squaring crowds them into the first hundreds.
            hundred = draws.below(10_000) ** 2 * (organisations // 100 + 1) // 100_000_000
            at = min(hundred * 100 + draws.below(2 if draws.percent(55) else 100), organisations - 1)
        jobs = _kind(at).jobs
        first = draws.below(len(jobs))
        free = (job for job in ((first + step) % len(jobs) for step in range(len(jobs))) if (at, job) not in held)
        index = next(free, None)
        if index is None:
            at = (at + 1) % organisations
            continue
        held.add((at, index))
        own = memberships.setdefault(
            at,
            Membership(
                id=MembershipId(str(_FIRST_MEMBERSHIP + n * _MOST_PROFILES + len(memberships))),
                person=id,
                organisation=_code(at),
            ),
        )
        profiles.append(
            RoleProfile(
                id=RoleProfileId(str(_FIRST_PROFILE + n * _MOST_PROFILES + len(profiles))),
                person=id,
                membership=own.id,
                organisation=_code(at),
                role=_role(at, jobs[index]),
                position=_position_id(at, index),
            )
        )
    return tuple(memberships.values()), tuple(profiles)


async def seed(
    store: Store[DirectoryTx],
    size: Size,
    *,
    number: int = 1,
    operator: Actor,
    clock: Clock,
    on_batch: Callable[[int], None] = lambda _done: None,
) -> Made:
    """Write a made-up directory. `on_batch` is told how many organisations and people are there."""
    made_positions = made_profiles = 0
    for begin in range(0, size.organisations, _BATCH):
        span = range(begin, min(begin + _BATCH, size.organisations))
        made_positions += await store.write(partial(_put_organisations, seed=number, span=span))
        on_batch(span.stop)
        await asyncio.sleep(0)
    for begin in range(0, size.people, _BATCH):
        span = range(begin, min(begin + _BATCH, size.people))
        made_profiles += await store.write(
            partial(_put_people, seed=number, span=span, organisations=size.organisations)
        )
        on_batch(size.organisations + span.stop)
        await asyncio.sleep(0)
    made = Made(
        people=size.people,
        organisations=size.organisations,
        positions=made_positions,
        role_profiles=made_profiles,
    )
    event = MadeUpDirectoryLoaded(
        at=clock.now(),
        actor=operator,
        seed=number,
        people=made.people,
        role_profiles=made.role_profiles,
        organisations=made.organisations,
    )
    await store.write(lambda tx: tx.audit.record(event))
    return made


def _put_organisations(tx: DirectoryTx, seed: int, span: range) -> int:
    made = [position for n in span for position in positions(n)]
    tx.organisations.put([organisation(seed, n) for n in span])
    tx.positions.put(made)
    return len(made)


def _put_people(tx: DirectoryTx, seed: int, span: range, organisations: int) -> int:
    memberships: list[Membership] = []
    profiles: list[RoleProfile] = []
    for n in span:
        own_memberships, own_profiles = roles_of(seed, n, organisations=organisations)
        memberships += own_memberships
        profiles += own_profiles
    tx.people.put([person(seed, n) for n in span])
    tx.roles.put(memberships, profiles)
    return len(profiles)


def _kind(n: int) -> _Kind:
    """Whatever their number, organisations are mixed alike: the place in each hundred decides."""
    place = (n % 100) / 100
    return next(kind for kind in _KINDS if place < kind.share)


def _code(n: int) -> OrganisationCode:
    digits = ""
    for _ in range(5):
        n, digit = divmod(n, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + digits
    return OrganisationCode(f"Z{digits}")


def _position_id(n: int, index: int) -> str:
    return f"{_code(n)}-{index + 1}"


def _role(n: int, job: _Job) -> Role:
    workgroups = (Coded(code=str(_FIRST_WORKGROUP + n * 10), name=f"{job.workgroup} {n % 12 + 1}"),)
    return Role(
        code=job.role,
        name=national_rbac.ROLES[job.role],
        activities=tuple(Coded(code=code, name=national_rbac.ACTIVITIES[code]) for code in job.activities),
        workgroups=workgroups if job.workgroup else (),
        areas_of_work=tuple(Coded(code=code, name=name) for code, name in national_rbac.AREAS_OF_WORK.items())
        if job.area
        else (),
    )


def _professional_ids(draws: _Draws, n: int) -> ProfessionalIds:
    seven = f"{1_000_000 + n % 9_000_000}"
    match draws.below(10):
        case 0 | 1 | 2:
            return ProfessionalIds(nmc_id=f"{n % 90 + 10}{draws.of('ABCDEFGHI')}{n % 10_000:04}{draws.of('CEJKNOS')}")
        case 3:
            consultant = f"C{seven}" if draws.percent(30) else None
            return ProfessionalIds(gmc_id=seven, consultant_id=consultant)
        case 4:
            return ProfessionalIds(gphc_id=seven)
    return ProfessionalIds()
