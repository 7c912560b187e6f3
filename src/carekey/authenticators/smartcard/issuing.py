"""Making and renewing cards: the desk, which has the registration side beside it. Each step can be done again: whatever
interrupts an issue, running it again goes on where it stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from carekey.authenticators.smartcard import renewing
from carekey.authenticators.smartcard.authority import keys, registration
from carekey.authenticators.smartcard.authority.certificate_profiles import CertificateProfile
from carekey.authenticators.smartcard.authority.registration import CardError, Faulty
from carekey.authenticators.smartcard.authority.signing import Authority, serial_number
from carekey.authenticators.smartcard.model import Card, CardCertificate, CardId, CardState, Purpose
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.smartcard.renewing import Held, Progress, Step
from carekey.authenticators.smartcard.writable import Writable
from carekey.kernel.actor import Actor
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy, token
from carekey.kernel.ids import PersonId
from carekey.kernel.unit_of_work import Store

__all__ = ["Counter", "Desk", "Progress", "Step"]

log = structlog.get_logger()

TxT = TypeVar("TxT", bound=CardTx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk(Generic[TxT]):
    """Where cards are made: everything but the card."""

    store: Store[TxT]
    authority: Authority
    profiles: tuple[CertificateProfile, ...]
    clock: Clock
    entropy: Entropy
    by: Actor

    async def issue(self, card: Writable, *, serial: str, person: PersonId, locked: bool, progress: Progress) -> Card:
        """Raises: CardError."""
        progress(Step.ENTERING, serial)
        id, now = CardId(token(self.entropy, size=16)), self.clock.now()
        places = [slot for each in card.slots.values() for slot in each]
        shows = [der for slot in places if (der := card.certificate(slot)) is not None]
        has_keys = any(card.key(slot) is not None for slot in places)
        entered = await self.store.write(
            lambda tx: registration.prepare(
                tx, serial=serial, person=person, id=id, shows=shows, has_keys=has_keys, by=self.by, now=now
            )
        )
        for profile in self.profiles:
            await self._certify(card, entered, profile, progress)
        return await self.store.write(
            lambda tx: registration.hand_over(tx, entered, locked=locked, by=self.by, now=self.clock.now())
        )

    async def renew(self, card: Writable, *, serial: str, late: bool, progress: Progress) -> Card:
        """New keys and certificates for an issued card. `late`: the registration authority has seen the person, so
        it need not be the last 90 days. Raises: CardError."""
        found = await self.store.read(lambda tx: tx.cards.find_serial(serial))
        if found is None:
            raise CardError(f"The card {serial} is not one that can be renewed.")
        await renewing.renew(card, self.counter(found.id, late=late), progress)
        return found

    def counter(self, card: CardId, *, late: bool) -> "Counter[TxT]":
        return Counter(desk=self, card=card, late=late)

    async def sign(
        self,
        entered: Card,
        profile: CertificateProfile,
        request: x509.CertificateSigningRequest,
        *,
        seen: bool = False,
    ) -> CardCertificate:
        """Raises: CardError."""
        public_key = request.public_key()
        if not request.is_signature_valid or not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise CardError("The card cannot prove that it has the key.")
        serial, throwaway, now = serial_number(self.entropy.bytes(16)), keys.new_key(), self.clock.now()
        try:
            signed = await self.store.write(
                lambda tx: registration.certify(
                    tx,
                    entered,
                    profile,
                    public_key,
                    authority=self.authority,
                    serial=serial,
                    throwaway=throwaway,
                    seen=seen,
                    by=self.by,
                    now=now,
                )
            )
        except OSError as error:  # its key is on a token that is away
            log.warning("card-authority:not-signed", said=error.strerror)
            raise CardError("The card authority cannot sign just now: run it again later.") from error
        if isinstance(signed, Faulty):
            rules = "; ".join(signed.faults)
            raise CardError(f"The certificate was not signed: it would break a rule of the authority ({rules}).")
        return signed

    async def _certify(self, card: Writable, entered: Card, profile: CertificateProfile, progress: Progress) -> None:
        async def sign(request: x509.CertificateSigningRequest) -> CardCertificate:
            return await self.sign(entered, profile, request)

        slot = card.slots[profile.purpose][0]
        ever = await self.store.read(lambda tx: tx.cards.certificates(entered.id))
        await renewing.certify(card, profile.purpose, slot, entered.person, ever, sign, progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter(Generic[TxT]):
    """The registration side of one card's renewal: what is due, and what is signed. A `renewing.Counter`."""

    desk: Desk[TxT]
    card: CardId
    late: bool

    async def held(self) -> Held:
        """Raises: CardError."""

        def look(tx: TxT) -> tuple[Card | None, Sequence[CardCertificate]]:
            return tx.cards.find(self.card), tx.cards.certificates(self.card)

        found, ever = await self.desk.store.read(look)
        if found is None or found.state not in {CardState.ACTIVE, CardState.LOCKED}:
            raise CardError("This card is not one that can be renewed.")
        held, now = registration.current(ever), self.desk.clock.now()
        due = [
            one.purpose
            for one in self.desk.profiles
            if registration.renewable(held, one.purpose, late=self.late, now=now)
        ]
        return Held(serial=found.serial, person=found.person, certificates=tuple(ever), due=tuple(due))

    async def sign(self, purpose: Purpose, request: x509.CertificateSigningRequest) -> CardCertificate:
        """A certificate for a key that is on the card, if it is due: or the one there is, asked again for the same key.

        Raises: CardError."""
        held = await self.held()
        if purpose not in held.due:
            raise CardError(f"The card {held.serial} can be renewed in the 90 days before it ends.")
        found = await self.desk.store.read(lambda tx: tx.cards.find(self.card))
        profile = next(one for one in self.desk.profiles if one.purpose is purpose)
        assert found is not None
        return await self.desk.sign(found, profile, request, seen=self.late)

    async def replaced(self, old: CardCertificate) -> None:
        """Another certificate of this card has taken the place of this one. Raises: CardError."""
        now = self.desk.clock.now()

        def supersede(tx: TxT) -> bool:
            held = registration.current(tx.cards.certificates(self.card))
            newer = [one for one in held if one.purpose is old.purpose and one != old and one.ends_at >= old.ends_at]
            if old not in held or not newer:
                return False
            return tx.cards.supersede(old.issuer, old.serial, at=now)

        if not await self.desk.store.write(supersede):
            raise CardError("That certificate has not been replaced.")
