"""What the audit record says of passkeys and security keys. That a log-in was proven, whoever runs it records."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LogInRefused(AuditEvent):
    """An answer of a passkey or security key was not accepted for a log-in."""

    tag: ClassVar[str] = "webauthn:log-in:refused"
    refusal: ClassVar[bool] = True

    login: str
    way: str
    reason: str
    credential: str = ""
    """The credential that the answer named, if we know it. Nothing proves that it was there."""
    claimed_person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloneSuspected(AuditEvent):
    """A valid signature came with a counter that had been passed: there may be two copies of the key."""

    tag: ClassVar[str] = "webauthn:credential:clone-suspected"
    refusal: ClassVar[bool] = True

    login: str
    credential: str
    person: str
    counter: int
    stored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRegistered(AuditEvent):
    """A person added a passkey or security key."""

    tag: ClassVar[str] = "webauthn:credential:registered"

    person: str
    credential: str
    model: str
    aaguid: str
    format: str
    trust: str
    backup_eligible: bool
    very_high: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRefused(AuditEvent):
    """A passkey or security key was not accepted for registration."""

    tag: ClassVar[str] = "webauthn:credential:refused"
    refusal: ClassVar[bool] = True

    person: str
    reason: str
