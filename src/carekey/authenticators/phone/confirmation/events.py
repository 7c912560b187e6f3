"""What the audit record says of texts that persons were asked to confirm. The text itself is in the evidence alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationAsked(AuditEvent):
    """A person was asked to confirm a text on their phone."""

    tag: ClassVar[str] = "confirmation:request:asked"

    confirmation: str
    person: str
    application: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationNotAsked(AuditEvent):
    """A person could not be asked to confirm a text."""

    tag: ClassVar[str] = "confirmation:request:refused"
    refusal: ClassVar[bool] = True

    person: str
    application: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextConfirmed(AuditEvent):
    """A person confirmed a text with a registered key. The digest ties the evidence to this record."""

    tag: ClassVar[str] = "confirmation:answer:confirmed"

    confirmation: str
    credential: str
    level: int
    evidence: str
    """SHA-256 of the evidence, in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRefused(AuditEvent):
    """A person said no to a text that they were asked to confirm."""

    tag: ClassVar[str] = "confirmation:answer:declined"
    refusal: ClassVar[bool] = True

    confirmation: str
    credential: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRefused(AuditEvent):
    """A phone's answer to a text did not hold, or came too late. The text still waits, if there is time left."""

    tag: ClassVar[str] = "confirmation:answer:refused"
    refusal: ClassVar[bool] = True

    confirmation: str
    reason: str
    detail: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationWithdrawn(AuditEvent):
    """Whoever had asked for a confirmation took the question back."""

    tag: ClassVar[str] = "confirmation:request:withdrawn"

    confirmation: str
