"""Taking away what a person may do. Sessions that rest on it end in the same transaction, and applications are told."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from carekey.authenticators.phone.push.ports import Subscriptions
from carekey.authenticators.phone.push.unsubscribing import phone_removed
from carekey.authenticators.ports import Credentials
from carekey.directory.model import Person, PersonStatus
from carekey.directory.ports import People, Roles
from carekey.kernel.actor import Actor
from carekey.kernel.event import Recorder
from carekey.kernel.ids import CredentialId, PersonId, RoleProfileId
from carekey.registration.events import RoleTaken, StatusChanged, WayRemoved
from carekey.sessions import ending
from carekey.sessions.events import WhyEnded
from carekey.sessions.ports import LogoutDeliveries, Sessions


class StandingTx(Protocol):
    @property
    def people(self) -> People: ...
    @property
    def roles(self) -> Roles: ...
    @property
    def credentials(self) -> Credentials: ...
    @property
    def subscriptions(self) -> Subscriptions: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def logout_deliveries(self) -> LogoutDeliveries: ...
    @property
    def audit(self) -> Recorder: ...


class NoSuchPerson(LookupError):
    pass


class NoSuchWay(LookupError):
    """The person has no such way to log in, or no longer."""


class NoSuchRole(LookupError):
    """The person does not hold this role, or no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    was: PersonStatus
    sessions_ended: int


def set_status(tx: StandingTx, id: PersonId, status: PersonStatus, *, by: Actor, now: datetime) -> Changed:
    """Suspend, close or open again. Nothing is recorded if the person has this status already, but their sessions
    end even so. Raises: NoSuchPerson."""
    person = _person(tx, id)
    if person.status is not status:
        tx.people.put([replace(person, status=status)])
    ended = end_sessions(tx, [id], by=by, now=now) if status is not PersonStatus.ACTIVE else 0
    if person.status is not status:
        tx.audit.record(
            StatusChanged(at=now, actor=by, person=id, was=person.status, status=status, sessions_ended=ended)
        )
    return Changed(was=person.status, sessions_ended=ended)


def remove_way(tx: StandingTx, id: PersonId, way: CredentialId, *, by: Actor, now: datetime) -> int:
    """Revoke a credential, and what a phone wanted to be told of with it; how many sessions rested on it.
    Raises: NoSuchPerson, NoSuchWay."""
    _person(tx, id)
    credential = next((one for one in tx.credentials.held_by(id) if one.id == way), None)
    if credential is None or not tx.credentials.revoke(way, at=now):
        raise NoSuchWay
    phone_removed(tx, way, by=by, now=now)
    ended = ending.end_all(
        tx, id, WhyEnded.WAY_REMOVED, now=now, by=by, which=lambda session: session.proof.credential == way
    )
    tx.audit.record(WayRemoved(at=now, actor=by, person=id, credential=way, kind=credential.kind, sessions_ended=ended))
    return ended


def take_role(tx: StandingTx, id: PersonId, role: RoleProfileId, *, by: Actor, now: datetime) -> int:
    """End a role profile now; how many sessions ended. All of the person's do: applications were told of every role,
    whichever was chosen. Raises: NoSuchPerson, NoSuchRole."""
    _person(tx, id)
    profile = next((one for one in tx.roles.held_by(id, at=now) if one.id == role), None)
    if profile is None:
        raise NoSuchRole
    tx.roles.put([], [replace(profile, ends=now)])
    ended = end_sessions(tx, [id], by=by, now=now)
    tx.audit.record(
        RoleTaken(at=now, actor=by, person=id, role=role, organisation=profile.organisation, sessions_ended=ended)
    )
    return ended


def end_sessions(tx: StandingTx, people: Collection[PersonId], *, by: Actor, now: datetime) -> int:
    """What follows when people lose a role or are no longer active, as the directory has them by now; how many
    sessions ended."""
    ended = 0
    for id in people:
        person = tx.people.find(id)
        why = _WHY[person.status if person else PersonStatus.CLOSED]
        ended += ending.end_all(tx, id, why, now=now, by=by)
    return ended


_WHY = {
    PersonStatus.ACTIVE: WhyEnded.ROLE_LOST,
    PersonStatus.SUSPENDED: WhyEnded.PERSON_SUSPENDED,
    PersonStatus.CLOSED: WhyEnded.PERSON_CLOSED,
}


def _person(tx: StandingTx, id: PersonId) -> Person:
    person = tx.people.find(id)
    if person is None:
        raise NoSuchPerson(id)
    return person
