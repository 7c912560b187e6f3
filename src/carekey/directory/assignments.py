"""Giving a position to a person: the unit of work behind import and registration."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from carekey.directory.model import Membership, Role, RoleProfile
from carekey.directory.ports import Roles
from carekey.directory.positions import Assignment, membership_ids, profile, roles_with_ids
from carekey.kernel.ids import RoleProfileId

Effect = Literal["new", "changed", "same"]


class RolesTx(Protocol):
    @property
    def roles(self) -> Roles: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has to be written so that the assignment holds."""

    effect: Effect
    memberships: tuple[Membership, ...] = ()
    profiles: tuple[RoleProfile, ...] = ()
    lost: bool = False
    """Whether a role that was in force no longer is."""


def plan(tx: RolesTx, assignment: Assignment, *, gnc: str | None = None, now: datetime) -> Change:
    """Compare the assignment with what the directory holds. A profile whose role has left the position ends now.

    Two writers that meet the same collision of ids at the same moment could take the same one: for each pair of
    profiles that are being made at once the odds are one in 9 * 10^11, and SQLite's writers never overlap.
    """
    held = {each.id: each for each in tx.roles.granted_to(assignment.person) if each.position == assignment.position.id}
    membership, known = _membership(tx.roles, assignment, gnc=gnc)
    wanted: dict[RoleProfileId, RoleProfile] = {}
    for role, ids in roles_with_ids(assignment):
        id = _id_for(role, ids, {id: each for id, each in held.items() if id not in wanted}, tx.roles)
        wanted[id] = profile(assignment, role, id=id, membership=membership)
    ended = tuple(
        replace(each, ends=now)
        for id, each in held.items()
        if id not in wanted and (each.ends is None or each.ends > now)
    )
    written = tuple(each for id, each in wanted.items() if held.get(id) != each) + ended
    if not written and known == membership:
        return Change(effect="same")
    return Change(
        effect="changed" if held else "new",
        memberships=() if known == membership else (membership,),
        profiles=written,
        lost=any(loses(held.get(each.id), each, now=now) for each in written),
    )


def assign(tx: RolesTx, assignment: Assignment, *, gnc: str | None = None, now: datetime) -> Change:
    """Make the assignment hold; what it changed. Doing it twice changes nothing."""
    change = plan(tx, assignment, gnc=gnc, now=now)
    if change.memberships or change.profiles:
        tx.roles.put(change.memberships, change.profiles)
    return change


def loses(before: RoleProfile | None, after: RoleProfile, *, now: datetime) -> bool:
    return before is not None and before.held_at(now) and not after.held_at(now)


def _membership(roles: Roles, assignment: Assignment, *, gnc: str | None) -> tuple[Membership, Membership | None]:
    """The membership as it should be, and as it is if it is already there. A `gnc` that is not given stays."""
    organisation = assignment.position.organisation
    for held in roles.memberships_of(assignment.person):
        if held.organisation == organisation:
            return (replace(held, gnc=gnc) if gnc else held), held
    id = next(id for id in membership_ids(assignment.person, organisation) if not roles.find_memberships([id]))
    return Membership(id=id, person=assignment.person, organisation=organisation, gnc=gnc), None


def _id_for(
    role: Role, ids: Iterator[RoleProfileId], held: dict[RoleProfileId, RoleProfile], roles: Roles
) -> RoleProfileId:
    """The id under which this role of the position is held; if it is not, the first that is free.

    A profile that came from another service has an id that is not derived, and keeps it.
    """
    same_role = {id for id, each in held.items() if each.role.code == role.code}
    free = None
    for id in ids:
        if id in same_role:
            return id
        if not roles.find([id]):
            free = id
            break
    assert free is not None
    return min(same_role, default=free)
