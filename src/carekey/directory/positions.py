"""A person who holds a position: the role profiles that follow from it (cis2-profile section 7.5).

One assignment gives one role profile for each role of the position; they share the person's membership of the
position's organisation.

Ids of role profiles and memberships are derived, not drawn: the same person in the same position gets the same
ids at every import, on every machine, in a rehearsal and in earnest. Twelve digits are too few for a hash to be
free of collisions (three million profiles have about five), so each identity has an endless row of ids and takes
the first that nobody else has.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from carekey.directory.model import Membership, Position, Role, RoleProfile
from carekey.kernel.ids import MembershipId, OrganisationCode, PersonId, RoleProfileId

_LOWEST = 100_000_000_000
_IDS = 900_000_000_000
"""Twelve digits that do not begin with a zero, so that a spreadsheet does not shorten them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A person holds a position, from `starts` until just before `ends`; None where there is no bound."""

    person: PersonId
    position: Position
    starts: datetime | None = None
    ends: datetime | None = None

    def __post_init__(self) -> None:
        if self.starts and self.ends and self.ends <= self.starts:
            raise ValueError("an assignment ends after it starts")


def membership_ids(person: PersonId, organisation: OrganisationCode) -> Iterator[MembershipId]:
    """Ids for the person in the organisation, the first choice first."""
    return (MembershipId(id) for id in _derived("membership", person, organisation))


def profile_ids(person: PersonId, position: str, role: str, occurrence: int = 0) -> Iterator[RoleProfileId]:
    """Ids for the person in one role of the position, the first choice first.

    The period is no part of the identity: who comes back to a position finds the profile they had, and a start
    that was mistyped is corrected instead of doubled.
    """
    return (RoleProfileId(id) for id in _derived("profile", person, position, role, str(occurrence)))


def roles_with_ids(assignment: Assignment) -> Iterator[tuple[Role, Iterator[RoleProfileId]]]:
    """Each role of the position with the ids that it may have. A position may hold a role twice, say with
    different areas of work; the second is told from the first by its place."""
    seen: Counter[str] = Counter()
    for role in assignment.position.roles:
        yield role, profile_ids(assignment.person, assignment.position.id, role.code, seen[role.code])
        seen[role.code] += 1


def profile(assignment: Assignment, role: Role, *, id: RoleProfileId, membership: Membership) -> RoleProfile:
    return RoleProfile(
        id=id,
        person=assignment.person,
        membership=membership.id,
        organisation=assignment.position.organisation,
        role=role,
        position=assignment.position.id,
        starts=assignment.starts,
        ends=assignment.ends,
    )


def expand(assignment: Assignment, *, gnc: str | None = None) -> tuple[Membership, tuple[RoleProfile, ...]]:
    """The membership and role profiles of an assignment under their first-choice ids, for a directory in which
    nobody else has them."""
    organisation = assignment.position.organisation
    id = next(membership_ids(assignment.person, organisation))
    membership = Membership(id=id, person=assignment.person, organisation=organisation, gnc=gnc)
    profiles = tuple(
        profile(assignment, role, id=next(ids), membership=membership) for role, ids in roles_with_ids(assignment)
    )
    return membership, profiles


def _derived(*identity: str) -> Iterator[str]:
    for attempt in count():
        name = "\x00".join((*identity, str(attempt))).encode()
        drawn = int.from_bytes(hashlib.blake2b(name, digest_size=16, person=b"carekey-id").digest())
        yield str(_LOWEST + drawn % _IDS)
