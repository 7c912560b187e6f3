"""The people of the demonstration: invented, always the same, each there to show something.

Between them they carry every claim of cis2-profile section 3. Their national numbers begin with 555, as those of
test identities do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from carekey.directory import national_rbac
from carekey.directory.events import DemoPeopleLoaded
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
from carekey.directory.positions import Assignment, expand
from carekey.kernel.actor import Actor
from carekey.kernel.assurance import IAL
from carekey.kernel.ids import OrganisationCode, PersonId

ORGANISATIONS = tuple(
    Organisation(code=OrganisationCode(code), name=name)
    for code, name in (
        ("RZZ01", "LARKFORD GENERAL HOSPITAL"),
        ("RZZ02", "ST HILDA'S COMMUNITY HOSPITAL"),
        ("Z10001", "MILL LANE SURGERY"),
        ("Z10002", "HAWTHORN MEDICAL CENTRE"),
        ("Z10003", "QUAYSIDE PRACTICE"),
        ("Z10004", "OTTERBROOK SURGERY"),
        ("Z10005", "THE HOLLIES FAMILY PRACTICE"),
        ("Z10006", "WESTMERE HEALTH CENTRE"),
        ("Z10007", "TREHAVEN SURGERY"),
        ("Z20001", "ROWAN STREET PHARMACY"),
        ("Z30001", "BRAMLEY DENTAL CARE"),
        ("Z40001", "LARKFORD AND DISTRICT REGISTRATION AUTHORITY"),
    )
)


def _role(
    code: str,
    *,
    activities: Sequence[str] = (),
    workgroups: Mapping[str, str] | None = None,
    areas_of_work: Sequence[str] = (),
) -> Role:
    return Role(
        code=code,
        name=national_rbac.ROLES[code],
        activities=tuple(Coded(code=each, name=national_rbac.ACTIVITIES[each]) for each in activities),
        workgroups=tuple(Coded(code=each, name=name) for each, name in (workgroups or {}).items()),
        areas_of_work=tuple(Coded(code=each, name=national_rbac.AREAS_OF_WORK[each]) for each in areas_of_work),
    )


def _position(organisation: str, name: str, *roles: Role) -> Position:
    slug = name.lower().replace(" ", "-").replace("'", "")
    return Position(
        id=f"{organisation}-{slug}",
        organisation=OrganisationCode(organisation),
        name=name,
        roles=roles,
    )


_GP = _role("S0010:G0020:R0260")
_SESSIONAL_GP = _role("S0010:G0020:R6300")
_NURSE = _role("S8000:G8000:R8001")
_HEALTH_PROFESSIONAL = _role("S8000:G8000:R8003")
_CLERK = _role("S8001:G8002:R8008")
_SURGERIES = ("Z10001", "Z10002", "Z10003", "Z10004", "Z10005", "Z10006", "Z10007")

_PARTNER = _position("Z10001", "GP partner", _GP)
_LOCUM_POSITIONS = tuple(_position(code, "Locum GP", _SESSIONAL_GP) for code in _SURGERIES)
_WARD_NURSE = _position("RZZ01", "Ward 7 nurse", _role("S8000:G8000:R8001", workgroups={"555045678901": "Ward 7"}))
_BANK_NURSE = _position("RZZ02", "Bank nurse", _NURSE)
_PRESCRIBER = _position(
    "Z10002", "Nurse prescriber", _role("S0030:G0100:R0600", activities=("B0420", "B0058", "B0380"))
)
_FORMER_CLINIC = _position("RZZ01", "Vaccination clinic nurse", _NURSE)
_PHARMACIST = _position("Z20001", "Pharmacist", _role("S8000:G8000:R8003", activities=("B0570", "B0572", "B0068")))
_RECEPTIONIST = _position("Z10001", "Receptionist", _CLERK)
_CONSULTANT = _position(
    "RZZ01",
    "Consultant haematologist",
    _role(
        "S0010:G0020:R0050",
        activities=("B0420", "B0825", "B8028", "B1611"),
        workgroups={"555045678902": "Haematology", "555045678903": "Day unit"},
        areas_of_work=("P0020:Q0300:T0640",),
    ),
    _role("S8000:G8000:R8000", workgroups={"555045678902": "Haematology"}),
)
_DENTIST = _position("Z30001", "Dentist", _HEALTH_PROFESSIONAL)
_MANAGER = _position("Z40001", "Registration authority manager", _role("S0080:G0450:R5080", activities=("B0267",)))
_SPONSOR = _position("Z10001", "Practice manager", _role("S8001:G8002:R8008", activities=("B1300", "B0062")))
_SUPPORT = _position("RZZ02", "Systems support", _role("S8001:G8005:R8015", activities=("B1570", "B0360")))
_CARE_WORKER = _position("RZZ02", "Care worker", _HEALTH_PROFESSIONAL)
_TEMPS = tuple(
    _position(code, name, role)
    for code in _SURGERIES
    for name, role in (
        ("Temporary receptionist", _CLERK),
        ("Temporary secretary", _role("S8000:G8001:R8006")),
        ("Temporary data clerk", _role("S0080:G0440:R5110")),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
    person: Person
    story: str
    """What this person shows, in one sentence."""
    memberships: tuple[Membership, ...] = ()
    profiles: tuple[RoleProfile, ...] = field(default=())
    """Those that ended or begin later included."""


def _demo(
    person: Person, story: str, *positions: Position, former: Sequence[Position] = (), gnc: str | None = None
) -> DemoPerson:
    ended = datetime(2025, 3, 31, tzinfo=UTC)
    assignments = [Assignment(person=person.id, position=each) for each in positions]
    assignments += [Assignment(person=person.id, position=each, ends=ended) for each in former]
    expanded = [expand(assignment, gnc=gnc) for assignment in assignments]
    memberships = {membership.id: membership for membership, _ in expanded}
    profiles = tuple(profile for _, profiles in expanded for profile in profiles)
    return DemoPerson(person=person, story=story, memberships=tuple(memberships.values()), profiles=profiles)


def _id(number: int) -> PersonId:
    return PersonId(f"{555_000_000_000 + number}")


DEMO_PEOPLE: tuple[DemoPerson, ...] = (
    _demo(
        Person(
            id=_id(101),
            title="Dr",
            given_name="Amara",
            middle_names="Ngozi",
            family_name="Okafor",
            initials="AN",
            display_name="Dr Amara Okafor",
            email="amara.okafor@mill-lane.example",
            professional_ids=ProfessionalIds(gmc_id="7654321", gmp_id="G7654321"),
        ),
        "A GP with one role: it is chosen without asking.",
        _PARTNER,
    ),
    _demo(
        Person(
            id=_id(102),
            given_name="Niamh",
            family_name="O'Sullivan",
            email="niamh.osullivan@larkford.example",
            professional_ids=ProfessionalIds(nmc_id="12A3456B", rcn_id="RCN1234"),
        ),
        "A nurse with three roles to choose from; a fourth has ended.",
        _WARD_NURSE,
        _BANK_NURSE,
        _PRESCRIBER,
        former=(_FORMER_CLINIC,),
        gnc="GNC0001",
    ),
    _demo(
        Person(
            id=_id(103),
            title="Dr",
            given_name="Lucas",
            family_name="Ferreira-Lind",
            email="lucas.ferreira-lind@locums.example",
            professional_ids=ProfessionalIds(gmc_id="7654322"),
        ),
        "A locum with seven roles at seven surgeries: the list has a search.",
        *_LOCUM_POSITIONS,
    ),
    _demo(
        Person(id=_id(104), given_name="Tom", family_name="Adeyemi", email="tom.adeyemi@larkford.example"),
        "A person with no role: may log in, and applications are told of none.",
    ),
    _demo(
        Person(
            id=_id(105),
            title="Ms",
            given_name="Sam",
            family_name="Sutton",
            email="sam.sutton@larkford.example",
            status=PersonStatus.SUSPENDED,
        ),
        "A person who is suspended: nobody gets in as them.",
        _BANK_NURSE,
    ),
    _demo(
        Person(
            id=_id(106),
            given_name="Jean-Paul",
            family_name="N'Diaye",
            email="jean-paul.ndiaye@st-hildas.example",
            ial=IAL.IAL2,
        ),
        "A care worker whose identity was checked to level 2, for ways to log in of level AAL2 alone.",
        _CARE_WORKER,
    ),
    _demo(
        Person(
            id=_id(107),
            title="Mrs",
            given_name="Priya",
            family_name="Raghunathan",
            email="priya.raghunathan@rowan-street.example",
            professional_ids=ProfessionalIds(gphc_id="2098765"),
        ),
        "A pharmacist with activities of the pharmacy.",
        _PHARMACIST,
    ),
    _demo(
        Person(id=_id(108), given_name="Rosie", family_name="Clarke", email="rosie.clarke@mill-lane.example"),
        "A receptionist (R8008).",
        _RECEPTIONIST,
    ),
    _demo(
        Person(
            id=_id(109),
            title="Prof",
            given_name="Małgorzata",
            middle_names="Zofia Anna",
            family_name="Wiśniewska",
            initials="MZ",
            display_name="Wiśniewska Małgorzata (Prof)",
            email="m.wisniewska@larkford.example",
            professional_ids=ProfessionalIds(gmc_id="7654323", consultant_id="C9876543"),
        ),
        "A consultant with activities, workgroups and an area of work; one position gives two roles.",
        _CONSULTANT,
        gnc="GNC0002",
    ),
    _demo(
        Person(id=_id(110), title="Mr", given_name="Olu", family_name="Bankole", email="olu.bankole@temps.example"),
        "A temporary worker with twenty-one roles.",
        *_TEMPS,
    ),
    _demo(
        Person(id=_id(111), given_name="", family_name="Thiri"),
        "A person with a single name and nothing optional: no given name, title, e-mail or number.",
        _RECEPTIONIST,
    ),
    _demo(
        Person(
            id=_id(112),
            title="Miss",
            given_name="Beth",
            family_name="Llewellyn",
            email="beth.llewellyn@bramley.example",
            professional_ids=ProfessionalIds(gdc_id="G12345", gdp_id="GDP1234"),
        ),
        "A dentist.",
        _DENTIST,
    ),
    _demo(
        Person(id=_id(113), given_name="Ruth", family_name="Mbeki", email="ruth.mbeki@registration.example"),
        "A registration authority manager (R5080).",
        _MANAGER,
    ),
    _demo(
        Person(id=_id(114), given_name="Gareth", family_name="Price", email="gareth.price@mill-lane.example"),
        "A sponsor: may approve registration requests (B1300) for a surgery.",
        _SPONSOR,
    ),
    _demo(
        Person(id=_id(115), given_name="Karl", family_name="Zimmer", email="karl.zimmer@st-hildas.example"),
        "A member of systems support whose smartcard has been revoked.",
        _SUPPORT,
    ),
)

_POSITIONS = (
    _PARTNER, *_LOCUM_POSITIONS, _WARD_NURSE, _BANK_NURSE, _PRESCRIBER, _FORMER_CLINIC, _PHARMACIST, _RECEPTIONIST,
    _CONSULTANT, _DENTIST, _MANAGER, _SPONSOR, _SUPPORT, _CARE_WORKER, *_TEMPS,
)  # fmt: skip


def load(tx: DirectoryTx, *, at: datetime, by: Actor) -> bool:
    """Write the demo people, unless they are there: what was changed about them since then stays.

    True if they were written.
    """
    if tx.people.find(DEMO_PEOPLE[0].person.id):
        return False
    tx.organisations.put(ORGANISATIONS)
    tx.positions.put(_POSITIONS)
    tx.people.put(demo.person for demo in DEMO_PEOPLE)
    tx.roles.put(
        [membership for demo in DEMO_PEOPLE for membership in demo.memberships],
        [profile for demo in DEMO_PEOPLE for profile in demo.profiles],
    )
    tx.audit.record(DemoPeopleLoaded(at=at, actor=by, people=len(DEMO_PEOPLE)))
    return True


def described(demo: DemoPerson, *, at: datetime) -> dict[str, Any]:
    """One demo person as `demo people --json` prints them, with the roles in force."""
    names = {organisation.code: organisation.name for organisation in ORGANISATIONS}
    return {
        "id": demo.person.id,
        "name": demo.person.name,
        "status": demo.person.status.value,
        "story": demo.story,
        "roles": [
            {
                "id": profile.id,
                "organisation": profile.organisation,
                "organisation_name": names[profile.organisation],
                "code": profile.role.code,
                "title": profile.role.title,
            }
            for profile in demo.profiles
            if profile.held_at(at)
        ],
    }
