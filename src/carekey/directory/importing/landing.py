"""Writing a batch of records in one transaction.

A row that is right lands whatever its neighbours are like; a row that is wrong changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from carekey.directory.assignments import Effect, assign, loses, plan
from carekey.directory.importing.row import GrantedRole, Holder, Kind, PersonRow, Problem, Record, RowError
from carekey.directory.model import Membership, Organisation, Person, PersonStatus, Position, RoleProfile
from carekey.directory.ports import DirectoryTx
from carekey.directory.positions import Assignment
from carekey.kernel.ids import OrganisationCode, PersonId

T = TypeVar("T")


@dataclass(slots=True)
class Landed:
    """What became of a batch, by line number."""

    effects: dict[int, Effect] = field(default_factory=dict)
    refused: dict[int, RowError] = field(default_factory=dict)
    lost: set[PersonId] = field(default_factory=set)
    """Who lost a role that was in force, or is no longer active."""

    def count(self, effect: Effect) -> int:
        return sum(1 for each in self.effects.values() if each == effect)


Rows = Sequence[tuple[int, Record]]
"""Line numbers and records, in the order of the file. Where two have the same id, the later one counts."""


def land(tx: DirectoryTx, kind: Kind, rows: Rows, *, now: datetime, dry_run: bool = False) -> Landed:
    """Write what is new or different; with `dry_run` only say what would be written."""
    return _LANDINGS[kind](tx, rows, now, dry_run)


def _people(tx: DirectoryTx, rows: Rows, now: datetime, dry_run: bool) -> Landed:  # noqa: ARG001, FBT001
    landed = Landed()
    batch: dict[PersonId, Person] = {}
    for line, row in rows:
        assert isinstance(row, PersonRow)
        known = batch.get(row.id) or tx.people.find(row.id)
        person = row.onto(known)
        landed.effects[line] = _effect(known, person)
        if person != known:
            batch[row.id] = person
        if known is not None and known.status is PersonStatus.ACTIVE and person.status is not PersonStatus.ACTIVE:
            landed.lost.add(row.id)
    if batch and not dry_run:
        tx.people.put(batch.values())
    return landed


def _organisations(tx: DirectoryTx, rows: Rows, now: datetime, dry_run: bool) -> Landed:  # noqa: ARG001, FBT001
    landed = Landed()
    batch: dict[OrganisationCode, Organisation] = {}
    stored = {found.code: found for found in tx.organisations.find({_organisation(row).code for _, row in rows})}
    for line, row in rows:
        organisation = _organisation(row)
        known = batch.get(organisation.code) or stored.get(organisation.code)
        landed.effects[line] = _effect(known, organisation)
        if organisation != known:
            batch[organisation.code] = organisation
    if batch and not dry_run:
        tx.organisations.put(batch.values())
    return landed


def _organisation(row: Record) -> Organisation:
    assert isinstance(row, Organisation)
    return row


def _positions(tx: DirectoryTx, rows: Rows, now: datetime, dry_run: bool) -> Landed:  # noqa: ARG001, FBT001
    landed = Landed()
    batch: dict[str, Position] = {}
    organisations = _known_organisations(tx)
    for line, row in rows:
        assert isinstance(row, Position)
        known = batch.get(row.id) or tx.positions.find(row.id)
        if not organisations(row.organisation):
            landed.refused[line] = _absent("organisation")
        elif known and known.organisation != row.organisation:
            landed.refused[line] = RowError(Problem("organisation", "is another one; a position does not move"))
        else:
            landed.effects[line] = _effect(known, row)
            if row != known:
                batch[row.id] = row
    if batch and not dry_run:
        tx.positions.put(batch.values())
    return landed


def _holders(tx: DirectoryTx, rows: Rows, now: datetime, dry_run: bool) -> Landed:  # noqa: FBT001
    landed = Landed()
    position = _remembered(tx.positions.find)
    carry_out = plan if dry_run else assign
    for line, row in rows:
        assert isinstance(row, Holder)
        held = position(row.position)
        if held is None:
            landed.refused[line] = _absent("position")
        elif tx.people.find(row.person) is None:
            landed.refused[line] = _absent("person")
        else:
            assignment = Assignment(person=row.person, position=held, starts=row.starts, ends=row.ends)
            change = carry_out(tx, assignment, gnc=row.gnc, now=now)
            landed.effects[line] = change.effect
            if change.lost:
                landed.lost.add(row.person)
    return landed


def _roles(tx: DirectoryTx, rows: Rows, now: datetime, dry_run: bool) -> Landed:  # noqa: FBT001
    landed = Landed()
    organisations = _known_organisations(tx)
    for line, row in rows:
        assert isinstance(row, GrantedRole)
        problem = _conflict(tx, row) if organisations(row.organisation) else _absent("organisation")
        if problem:
            landed.refused[line] = problem
            continue
        membership, profile = _as_granted(row)
        memberships = {found.id: found for found in tx.roles.find_memberships([row.membership])}
        if row.gnc is None and (stored := memberships.get(row.membership)):
            membership = stored
        known = next(iter(tx.roles.find([row.id])), None)
        if profile == known and memberships.get(row.membership) == membership:
            landed.effects[line] = "same"
            continue
        landed.effects[line] = "changed" if known else "new"
        if loses(known, profile, now=now):
            landed.lost.add(row.person)
        if not dry_run:
            tx.roles.put([membership], [profile])
    return landed


def _conflict(tx: DirectoryTx, row: GrantedRole) -> RowError | None:
    """Ids are for life: a row cannot take another person's, nor open a second membership of one organisation."""
    if tx.people.find(row.person) is None:
        return _absent("person")
    if any(held.person != row.person for held in tx.roles.find([row.id])):
        return RowError(Problem("id", "belongs to somebody else"))
    for held in tx.roles.find_memberships([row.membership]):
        if (held.person, held.organisation) != (row.person, row.organisation):
            return RowError(Problem("membership", "belongs to another person or organisation"))
    for own in tx.roles.memberships_of(row.person):
        if own.organisation == row.organisation and own.id != row.membership:
            return RowError(Problem("membership", "is not the one that the person has in this organisation"))
    return None


def _as_granted(row: GrantedRole) -> tuple[Membership, RoleProfile]:
    membership = Membership(id=row.membership, person=row.person, organisation=row.organisation, gnc=row.gnc)
    profile = RoleProfile(
        id=row.id,
        person=row.person,
        membership=row.membership,
        organisation=row.organisation,
        role=row.role,
        position=row.position,
        starts=row.starts,
        ends=row.ends,
    )
    return membership, profile


def _effect(known: object | None, wanted: object) -> Effect:
    if known is None:
        return "new"
    return "same" if known == wanted else "changed"


def _absent(field: str) -> RowError:
    return RowError(Problem(field, "is not in the directory; import it first"))


def _remembered(find: Callable[[str], T | None]) -> Callable[[str], T | None]:
    """`find`, asking the store once for each id of the batch."""
    found: dict[str, T | None] = {}

    def look(id: str) -> T | None:
        if id not in found:
            found[id] = find(id)
        return found[id]

    return look


def _known_organisations(tx: DirectoryTx) -> Callable[[str], Organisation | None]:
    return _remembered(lambda code: next(iter(tx.organisations.find([OrganisationCode(code)])), None))


_LANDINGS: Mapping[Kind, Callable[[Any, Rows, datetime, bool], Landed]] = {
    Kind.PEOPLE: _people,
    Kind.ORGANISATIONS: _organisations,
    Kind.POSITIONS: _positions,
    Kind.HOLDERS: _holders,
    Kind.ROLES: _roles,
}
