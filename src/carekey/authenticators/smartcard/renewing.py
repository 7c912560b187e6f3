"""New keys and certificates for a card that is near its end, step by step, at the reader.

Who decides is on the other side of `Counter`: beside the reader (`issuing.py`), or at the service, for a person who
renews by themself (`renewal_client.py`). Each step can be done again, and goes on where it stopped.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cryptography import x509

from carekey.authenticators.smartcard.authority.registration import CardError, current
from carekey.authenticators.smartcard.model import CardCertificate, Purpose
from carekey.authenticators.smartcard.writable import Writable
from carekey.kernel.ids import PersonId


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
Sign = Callable[[x509.CertificateSigningRequest], Awaitable[CardCertificate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the registration side knows of a card."""

    serial: str
    person: PersonId
    certificates: tuple[CardCertificate, ...]
    """Every one that it ever had, oldest first."""
    due: tuple[Purpose, ...]
    """What may be renewed now."""


class Counter(Protocol):
    """The registration side, as the reader's side sees it. Every verb raises CardError."""

    async def held(self) -> Held: ...

    async def sign(self, purpose: Purpose, request: x509.CertificateSigningRequest) -> CardCertificate:
        """Asked again for the same key, it gives the same certificate."""
        ...

    async def replaced(self, old: CardCertificate) -> None:
        """The new certificate is on the card, and works."""
        ...


async def renew(card: Writable, counter: Counter, progress: Progress) -> None:
    """Raises: CardError."""
    known = await counter.held()
    _clear(card, known.certificates)
    if not known.due:
        raise CardError(f"The card {known.serial} can be renewed in the 90 days before it ends.")
    held = current(known.certificates)
    _check_it_is_the_one(card, held, known.serial)
    for purpose in known.due:
        old = _on_card(card, held, purpose)
        new = _place(card, held, purpose, old)

        async def sign(request: x509.CertificateSigningRequest, purpose: Purpose = purpose) -> CardCertificate:
            return await counter.sign(purpose, request)

        kept = await certify(card, purpose, new, known.person, known.certificates, sign, progress)
        replaced = [one for one in held if one.purpose is purpose and one.serial != kept.serial]
        if replaced:
            progress(Step.CLEARING, purpose.value)
        for one in replaced:
            await counter.replaced(one)
        if old is not None and old[0] != new:
            card.remove(old[0])


async def certify(
    card: Writable,
    purpose: Purpose,
    slot: bytes,
    person: PersonId,
    ever: Sequence[CardCertificate],
    sign: Sign,
    progress: Progress,
) -> CardCertificate:
    """A key on the card, and a certificate beside it. Raises: CardError.

    `ever`: the certificates that this card had. A key that is there already, but in none that still counts, was not made
    just now: whoever put it there may have kept a copy, and one that was replaced is not taken up again.
    """
    label = purpose.value
    progress(Step.MAKING_KEYS, label)
    there = card.key(slot)
    if there is not None and not any(_is_for(one, there.public_key()) for one in current(ever)):
        card.remove(slot)
    key = card.make_key(slot, label)
    progress(Step.ASKING, label)
    signed = await sign(card.request(key, person))
    progress(Step.WRITING, label)
    card.write(slot, label, signed.der)
    progress(Step.CHECKING, label)
    card.check(slot)
    return signed


def _is_for(certificate: CardCertificate, public_key: object) -> bool:
    return bool(x509.load_der_x509_certificate(certificate.der).public_key() == public_key)


def _clear(card: Writable, ever: Sequence[CardCertificate]) -> None:
    """Remove what an interrupted renewal has replaced and left."""
    gone = {one.der for one in ever if one.superseded_at}
    for places in card.slots.values():
        for slot in places:
            if card.certificate(slot) in gone:
                card.remove(slot)


def _check_it_is_the_one(card: Writable, held: Sequence[CardCertificate], serial: str) -> None:
    """It has the key of one of its certificates: anybody can copy those, and some serial numbers. Raises: CardError."""
    ours = {one.der for one in held}
    slot = next((slot for places in card.slots.values() for slot in places if card.certificate(slot) in ours), None)
    if slot is None:
        raise CardError(f"This is not the card {serial} that was issued: none of its certificates is on it.")
    card.check(slot)


def _place(
    card: Writable, held: Sequence[CardCertificate], purpose: Purpose, old: tuple[bytes, CardCertificate] | None
) -> bytes:
    """Where the new key goes: beside the old one, or in its place, which is then cleared unless it was before."""
    first, *others = card.slots[purpose]
    if others:
        return others[0] if old is not None and old[0] == first else first
    oldest = min((one for one in held if one.purpose is purpose), key=lambda one: one.ends_at, default=None)
    if old is not None and old[1] == oldest:
        card.remove(first)
    return first


def _on_card(card: Writable, held: Sequence[CardCertificate], purpose: Purpose) -> tuple[bytes, CardCertificate] | None:
    """Where on the card its oldest certificate for this purpose is: the one to replace."""
    on_card = {card.certificate(slot): slot for slot in card.slots[purpose]}
    for one in held:
        if one.purpose is purpose and one.der in on_card:
            return on_card[one.der], one
    return None
