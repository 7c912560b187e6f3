"""What the audit record says of sessions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from carekey.kernel.event import AuditEvent


class WhyEnded(StrEnum):
    LOGGED_OUT = "logged_out"
    """The person asked, here or in an application."""
    REPLACED = "replaced"
    """Somebody else logged in in the same browser, or the same person after the session had lapsed."""
    OPERATOR = "operator"
    PERSON_SUSPENDED = "person_suspended"
    PERSON_CLOSED = "person_closed"
    WAY_REMOVED = "way_removed"
    """What it was proven with may no longer be used."""
    SOMEONE_ELSE = "someone_else"
    """Whoever sat at the browser said that they are somebody else."""
    CARD_REMOVED = "card_removed"
    """The card that it rests on left the reader."""
    ROLE_LOST = "role_lost"
    """A role was taken away, or ran out: applications must not go on with what they were told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(AuditEvent):
    """A person proved who they are, and a browser received a session for it."""

    tag: ClassVar[str] = "session:session:started"

    session: str
    issuer: str
    kind: str
    """The authenticator."""
    aal: int
    amr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRenewed(AuditEvent):
    """The same person proved again who they are; their session goes on, resting on the new proof."""

    tag: ClassVar[str] = "session:session:renewed"

    session: str
    issuer: str
    kind: str
    aal: int
    amr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLocked(AuditEvent):
    """The card that a session rests on left the reader; its person has to prove themself again to go on."""

    tag: ClassVar[str] = "session:session:locked"

    session: str
    issuer: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(AuditEvent):
    """A session was ended; whatever was issued in it stopped working."""

    tag: ClassVar[str] = "session:session:ended"

    session: str
    issuer: str
    person: str
    why: str
