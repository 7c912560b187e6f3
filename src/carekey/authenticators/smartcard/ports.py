"""What smartcards need of a store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from carekey.authenticators.ports import AuthenticatorTx
from carekey.authenticators.smartcard.model import Card, CardCertificate, CardId, CardState, WhyCancelled
from carekey.kernel.ids import PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvidence:
    """A revocation list or answer as it came, so that what one node fetched the others need not."""

    key: str
    der: bytes
    fetched_at: datetime
    until: datetime
    """When it must be had anew."""
    expires_at: datetime
    """When it is no use to anybody any more, an operator's grace included."""


class Cards(Protocol):
    def find(self, id: CardId) -> Card | None: ...

    def find_serial(self, serial: str) -> Card | None: ...

    def find_certificate(self, issuer: bytes, serial: int) -> Card | None:
        """The card that bears the certificate, whatever became of either."""
        ...

    def held_by(self, person: PersonId) -> Sequence[Card]:
        """Cancelled ones included, oldest first."""
        ...

    def add(self, card: Card) -> bool:
        """False, and no change, if the id or the serial is taken: of simultaneous callers exactly one gets True."""
        ...

    def move(self, id: CardId, *, was: CardState, to: CardState, at: datetime, why: WhyCancelled | None = None) -> bool:
        """Change the state if it is still `was`: of simultaneous callers exactly one gets True."""
        ...

    def certificates(self, id: CardId) -> Sequence[CardCertificate]:
        """Every certificate that the card ever had, oldest first."""
        ...

    def add_certificate(self, certificate: CardCertificate) -> bool:
        """False, and no change, if the issuer has used the serial number."""
        ...

    def supersede(self, issuer: bytes, serial: int, *, at: datetime) -> bool:
        """Note that another certificate took its place on the card. True for exactly one caller."""
        ...

    def revoke_certificates(self, id: CardId, *, at: datetime) -> int:
        """Revoke those of a card that are not revoked; how many that were."""
        ...

    def revoked(self, issuer: bytes, *, after: datetime) -> Sequence[CardCertificate]:
        """Those of an authority that are revoked and end after that moment: what its list must name."""
        ...


class RevocationEvidence(Protocol):
    def find(self, key: str, *, newer_than: datetime | None = None) -> StoredEvidence | None:
        """`newer_than`: only if it was fetched after that moment; otherwise nothing long is read."""
        ...

    def since(self, moment: datetime) -> Sequence[StoredEvidence]:
        """What was put at that moment or later."""
        ...

    def put(self, evidence: StoredEvidence) -> bool:
        """Keep it unless newer is there. False changes nothing."""
        ...


class CardTx(AuthenticatorTx, Protocol):
    @property
    def cards(self) -> Cards: ...
    @property
    def revocation(self) -> RevocationEvidence: ...
