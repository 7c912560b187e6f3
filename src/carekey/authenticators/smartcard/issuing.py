"""Making and renewing a card, step by step, at the reader. Each step can be done again: whatever interrupts an issue,
running it again goes on where it stopped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from carekey.authenticators.smartcard.authority import keys, registration
from carekey.authenticators.smartcard.authority.certificate_profiles import CertificateProfile
from carekey.authenticators.smartcard.authority.registration import CardError, Faulty
from carekey.authenticators.smartcard.authority.signing import Authority, serial_number
from carekey.authenticators.smartcard.model import Card, CardCertificate, CardId, CardState, Purpose
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.smartcard.writable import SLOTS, Writable
from carekey.kernel.actor import Actor
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy, token
from carekey.kernel.ids import PersonId
from carekey.kernel.unit_of_work import Store

TxT = TypeVar("TxT", bound=CardTx)


class Step(StrEnum):
    """In the words of the progress display (ux.md C8)."""

    ENTERING = "Entering the card in the directory"
    MAKING_KEYS = "Making keys on the card"
    ASKING = "Asking for certificates"
    WRITING = "Writing"
    CHECKING = "Checking"
    CLEARING = "Removing what was replaced"


Progress = Callable[[Step, str], None]
"""Told before each step, and of what."""


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
        entered = await self.store.write(
            lambda tx: registration.prepare(tx, serial=serial, person=person, id=id, by=self.by, now=now)
        )
        for profile in self.profiles:
            await self._certify(card, entered, profile, SLOTS[profile.purpose][0], progress)
        return await self.store.write(
            lambda tx: registration.hand_over(tx, entered, locked=locked, by=self.by, now=self.clock.now())
        )

    async def renew(self, card: Writable, *, serial: str, late: bool, progress: Progress) -> Card:
        """New keys and certificates for an issued card. `late`: the registration authority has seen the person, so
        it need not be the last 90 days. Raises: CardError."""
        found = await self.store.read(lambda tx: tx.cards.find_serial(serial))
        if found is None or found.state not in {CardState.ACTIVE, CardState.LOCKED}:
            raise CardError(f"The card {serial} is not one that can be renewed.")
        ever = await self.store.read(lambda tx: tx.cards.certificates(found.id))
        _clear(card, ever)
        held, now = registration.current(ever), self.clock.now()
        due = [one for one in self.profiles if registration.renewable(held, one.purpose, late=late, now=now)]
        if not due:
            raise CardError(f"The card {serial} can be renewed in the 90 days before it ends.")
        for profile in due:
            old = _on_card(card, held, profile.purpose)
            first, second = SLOTS[profile.purpose]
            new = second if old is not None and old[0] == first else first
            kept = await self._certify(card, found, profile, new, progress)
            if old is not None and old[1].serial != kept.serial:
                progress(Step.CLEARING, profile.purpose.value)
                await self.store.write(_superseding(old[1], self.clock.now()))
                card.remove(old[0])
        return found

    async def _certify(
        self, card: Writable, entered: Card, profile: CertificateProfile, slot: bytes, progress: Progress
    ) -> CardCertificate:
        label = profile.purpose.value
        progress(Step.MAKING_KEYS, label)
        key = card.make_key(slot, label)
        progress(Step.ASKING, label)
        request = card.request(key, entered.person)
        public_key = request.public_key()
        if not request.is_signature_valid or not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise CardError("The card cannot prove that it has the key.")
        serial, throwaway, now = serial_number(self.entropy.bytes(16)), keys.new_key(), self.clock.now()
        signed = await self.store.write(
            lambda tx: registration.certify(
                tx,
                entered,
                profile,
                public_key,
                authority=self.authority,
                serial=serial,
                throwaway=throwaway,
                by=self.by,
                now=now,
            )
        )
        if isinstance(signed, Faulty):
            raise CardError(f"The certificate would be faulty, and was not signed: {'; '.join(signed.faults)}.")
        progress(Step.WRITING, label)
        card.write(slot, label, signed.der)
        progress(Step.CHECKING, label)
        card.check(slot)
        return signed


def _superseding(old: CardCertificate, at: datetime) -> Callable[[CardTx], bool]:
    return lambda tx: tx.cards.supersede(old.issuer, old.serial, at=at)


def _clear(card: Writable, ever: Sequence[CardCertificate]) -> None:
    """Remove what an interrupted renewal has replaced and left."""
    gone = {one.der for one in ever if one.superseded_at}
    for pair in SLOTS.values():
        for slot in pair:
            if card.certificate(slot) in gone:
                card.remove(slot)


def _on_card(card: Writable, held: Sequence[CardCertificate], purpose: Purpose) -> tuple[bytes, CardCertificate] | None:
    """Where on the card its oldest certificate for this purpose is: the one to replace."""
    on_card = {card.certificate(slot): slot for slot in SLOTS[purpose]}
    for one in held:
        if one.purpose is purpose and one.der in on_card:
            return on_card[one.der], one
    return None
