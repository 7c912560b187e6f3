"""What the audit record says of smartcards. That a log-in was proven, whoever runs it records."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LogInRefused(AuditEvent):
    """A smartcard was not accepted for a log-in."""

    tag: ClassVar[str] = "smartcard:log-in:refused"
    refusal: ClassVar[bool] = True

    login: str
    reason: str
    detail: str = ""
    """What was found in the path or on the lists. Not for pages."""
    fingerprint: str = ""
    """SHA-256 of the certificate that came."""
    claimed_person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardAdded(AuditEvent):
    """A card came into the directory: issued here, or seen for the first time."""

    tag: ClassVar[str] = "smartcard:card:added"

    card: str
    serial: str
    person: str
    profile: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardChanged(AuditEvent):
    """A card was unlocked, suspended or taken up again."""

    tag: ClassVar[str] = "smartcard:card:changed"

    card: str
    person: str
    was: str
    now: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardUnlocking(AuditEvent):
    """Somebody set out to give a card a new PIN. Recorded before the card is touched, so it may have refused."""

    tag: ClassVar[str] = "smartcard:card:unlocking"

    card: str
    person: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardCancelled(AuditEvent):
    """A card was cancelled for ever: its sessions ended and its certificates were revoked."""

    tag: ClassVar[str] = "smartcard:card:cancelled"

    card: str
    person: str
    why: str
    sessions: int
    certificates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTheDeskRefused(AuditEvent):
    """Somebody set out to do something with a card, and it was not done: by a decision, or since the card refused."""

    tag: ClassVar[str] = "smartcard:desk:refused"
    refusal: ClassVar[bool] = True

    action: str
    """`issue`, `renew`, `unlock`, `cancel`, `suspend` or `resume`."""
    serial: str
    """The card's, as far as it was known."""
    person: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSigned(AuditEvent):
    """Our authority signed a certificate for a card."""

    tag: ClassVar[str] = "smartcard:certificate:signed"

    card: str
    person: str
    purpose: str
    serial: str
    ends_at: str
    seen: bool = False
    """Renewed by somebody who said that they had checked the person's identity: at any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateNotSigned(AuditEvent):
    """A certificate was not signed, since a rehearsal with a throwaway key found it faulty."""

    tag: ClassVar[str] = "smartcard:certificate:refused"
    refusal: ClassVar[bool] = True

    card: str
    person: str
    purpose: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationListSigned(AuditEvent):
    """Our authority signed a new revocation list."""

    tag: ClassVar[str] = "smartcard:revocation-list:signed"

    authority: str
    number: int
    entries: int
