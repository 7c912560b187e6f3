"""What the audit record says of enrolment links."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkMade(AuditEvent):
    """Somebody was invited by a one-time link to add a way to log in."""

    tag: ClassVar[str] = "enrolment:link:made"

    person: str
    link: str
    """The beginning of the link's digest: it tells links apart and opens none."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUsed(AuditEvent):
    """A link was used up: a way to log in was added with it."""

    tag: ClassVar[str] = "enrolment:link:used"

    person: str
    link: str
    credential: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRefused(AuditEvent):
    """A link was opened or used after it had been used or had run out, or for a person who may not log in."""

    tag: ClassVar[str] = "enrolment:link:refused"
    refusal: ClassVar[bool] = True

    person: str
    link: str
    reason: str
