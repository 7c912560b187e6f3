"""What the audit record says of phones and tablets. That a log-in was proven, whoever runs it records."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneRegistered(AuditEvent):
    """A person added a phone or tablet."""

    tag: ClassVar[str] = "uaf:registration:added"

    person: str
    credential: str
    model: str
    attestation: str
    level: int
    facet: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRefused(AuditEvent):
    """A phone or tablet was not accepted for registration, or its activation code had been used or had run out."""

    tag: ClassVar[str] = "uaf:registration:refused"
    refusal: ClassVar[bool] = True

    person: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogInRefused(AuditEvent):
    """An answer of a phone or tablet was not accepted for a log-in."""

    tag: ClassVar[str] = "uaf:log-in:refused"
    refusal: ClassVar[bool] = True

    login: str
    reason: str
    detail: str = ""
    credential: str = ""
    """The registration that is concerned, where one is proven to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRefused(AuditEvent):
    """A UAF message made no sense, or belonged to nothing that is open; or the server failed, and nothing came of it."""

    tag: ClassVar[str] = "uaf:message:refused"
    refusal: ClassVar[bool] = True

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationSuspended(AuditEvent):
    """A valid signature came with a counter that had been passed: there may be two copies of the key."""

    tag: ClassVar[str] = "uaf:registration:suspended"
    refusal: ClassVar[bool] = True

    login: str
    person: str
    credential: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationEnded(AuditEvent):
    """The fingerprints or faces of a phone changed since it was registered, so its registration ended."""

    tag: ClassVar[str] = "uaf:registration:ended"
    refusal: ClassVar[bool] = True

    login: str
    person: str
    credential: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAsked(AuditEvent):
    """A log-in was offered for approval on another device."""

    tag: ClassVar[str] = "uaf:approval:asked"

    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalOpened(AuditEvent):
    """A phone took up a log-in that waits on another device. Whose phone it is, is not known yet."""

    tag: ClassVar[str] = "uaf:approval:opened"

    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRefused(AuditEvent):
    """A log-in on another device was refused on the phone, or the number that was typed there was wrong."""

    tag: ClassVar[str] = "uaf:approval:refused"
    refusal: ClassVar[bool] = True

    login: str
    reason: str
