"""The cards that the directory knows. Words are those of the registration side (cis2-profile section 6.2)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from carekey.kernel.ids import PersonId

CardId = NewType("CardId", str)


class CardState(StrEnum):
    PREPARED = "prepared"
    """Being made: nobody holds it yet."""
    LOCKED = "locked"
    """Issued locked: the holder unlocks it on receipt."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    """For ever: a cancelled card is replaced, not revived."""


class Purpose(StrEnum):
    """The two certificates of a card."""

    AUTHENTICATION = "authentication"
    CONTENT_COMMITMENT = "content_commitment"


class WhyCancelled(StrEnum):
    LOST = "lost"
    STOLEN = "stolen"
    DAMAGED = "damaged"
    LEFT = "left"
    REPLACED = "replaced"
    MISUSE = "misuse"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """That a card has expired is not a state: its certificates say when."""

    id: CardId
    serial: str
    """Printed on the card, or the token's own serial number."""
    person: PersonId
    profile: str
    """The PKI profile that its certificates are judged by."""
    state: CardState
    created_at: datetime
    changed_at: datetime
    why_cancelled: WhyCancelled | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardCertificate:
    """A certificate on a card. Issuer and serial number name it (RFC 5280 section 4.1.2.2)."""

    issuer: bytes
    """`path.issuer_id` of the authority that signed it."""
    serial: int
    card: CardId
    purpose: Purpose
    der: bytes
    starts_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None
    superseded_at: datetime | None = None
    """Renewed: no longer on the card, and though it is not revoked it logs nobody in."""
