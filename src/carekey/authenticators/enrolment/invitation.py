"""One-time links: made, opened, used up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from carekey.authenticators.base import Credential, Enrolment
from carekey.authenticators.enrolment.events import LinkMade, LinkRefused, LinkUsed
from carekey.authenticators.ports import Credentials, Enrolments, Sessions
from carekey.directory.model import PersonStatus
from carekey.directory.ports import People
from carekey.kernel import actor
from carekey.kernel.actor import Actor
from carekey.kernel.assurance import AAL
from carekey.kernel.event import Recorder
from carekey.kernel.ids import PersonId, SessionId
from carekey.kernel.secret import Secret, digest

LIFETIME = timedelta(hours=24)


class Refusal(StrEnum):
    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    PERSON = "person"
    """The person was suspended or closed after the link was made."""
    LOGGED_OUT = "logged_out"
    """The session in which the person made it is over, or its card is out."""


class NoSuchPersonError(LookupError):
    """Nobody has this user ID, or they may not log in."""


class AlreadyRegisteredError(Exception):
    """The credential was registered by somebody in the meantime. Rolls the use of the link back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A link that works, and whom it is for."""

    digest: bytes
    person: PersonId
    name: str
    invited_by: str
    expires_at: datetime
    level: AAL = AAL.AAL3
    """What is added may be worth no more."""

    @property
    def subject(self) -> str:
        """For challenges put in the course of it."""
        return f"enrolment:{self.digest.hex()}"


class InvitationTx(Protocol):
    @property
    def enrolments(self) -> Enrolments: ...
    @property
    def credentials(self) -> Credentials: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def people(self) -> People: ...
    @property
    def audit(self) -> Recorder: ...


def invite(
    tx: InvitationTx,
    person: PersonId,
    *,
    token: Secret,
    by: Actor,
    now: datetime,
    lifetime: timedelta = LIFETIME,
    level: AAL = AAL.AAL3,
    session: SessionId | None = None,
) -> Enrolment:
    """Make the link whose last part is `token` (`kernel.entropy.token`), which is shown once and not kept.

    `session`: in which the person makes it for themself; whoever comes to the computer after them, or is put out of
    their account, adds nothing by it.

    Raises: NoSuchPersonError.
    """
    found = tx.people.find(person)
    if found is None or found.status is not PersonStatus.ACTIVE:
        raise NoSuchPersonError(person)
    enrolment = Enrolment(
        digest=digest(token.reveal()),
        person=person,
        invited_by="you" if by == actor.person(person) else by.id,
        created_at=now,
        expires_at=now + lifetime,
        level=level,
        session=session,
    )
    tx.enrolments.put(enrolment)
    tx.audit.record(
        LinkMade(at=now, actor=by, person=person, link=short(enrolment.digest), expires_at=enrolment.expires_at)
    )
    return enrolment


def find(tx: InvitationTx, token: str, *, now: datetime) -> Invitation | Refusal:
    """The invitation that a link stands for, if it still works."""
    return resume(tx, digest(token), now=now)


def resume(tx: InvitationTx, link: bytes, *, now: datetime) -> Invitation | Refusal:
    """The same by the link's digest, where registration goes on at a device that does not have the link."""
    enrolment = tx.enrolments.find(link)
    if enrolment is None:
        return Refusal.UNKNOWN
    if enrolment.used_at is not None:
        return Refusal.USED
    if now >= enrolment.expires_at:
        return Refusal.EXPIRED
    if enrolment.session is not None:
        session = tx.sessions.get(enrolment.session)
        if session is None or session.ended_at is not None or session.locked_at is not None:
            return Refusal.LOGGED_OUT
    person = tx.people.find(enrolment.person)
    if person is None or person.status is not PersonStatus.ACTIVE:
        return Refusal.PERSON
    return Invitation(
        digest=enrolment.digest,
        person=person.id,
        name=person.name,
        invited_by=enrolment.invited_by,
        expires_at=enrolment.expires_at,
        level=enrolment.level,
    )


def accept(
    tx: InvitationTx, invitation: Invitation, credential: Credential, *, now: datetime, reference: str
) -> Refusal | None:
    """Add the credential and use the link up, both or neither. Of two at once one wins.

    Raises: AlreadyRegisteredError.
    """
    if not tx.enrolments.use(invitation.digest, now=now):
        return Refusal.USED
    if not tx.credentials.add(credential):
        raise AlreadyRegisteredError
    tx.audit.record(
        LinkUsed(
            at=now,
            actor=actor.person(invitation.person),
            reference=reference,
            person=invitation.person,
            link=short(invitation.digest),
            credential=credential.id,
            kind=credential.kind,
        )
    )
    return None


def record_refusal(tx: InvitationTx, token: str, why: Refusal, *, now: datetime, reference: str) -> None:
    """Put a refused link on record. One that never existed says nothing about anybody, and is left out: else
    whoever sends made-up links fills the record."""
    enrolment = tx.enrolments.find(digest(token))
    if enrolment is not None:
        tx.audit.record(
            LinkRefused(
                at=now,
                actor=actor.UNKNOWN,
                reference=reference,
                person=enrolment.person,
                link=short(enrolment.digest),
                reason=why,
            )
        )


def short(link: bytes) -> str:
    return link.hex()[:12]
