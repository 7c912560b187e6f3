"""The registration side of cards: it decides who gets one, and in which order things happen.

A card is entered before anything is made, so that an interrupted issue is found again and continued: the same card,
the same keys, no certificate signed twice.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from carekey.authenticators.smartcard.authority import lint
from carekey.authenticators.smartcard.authority.certificate_profiles import CertificateProfile
from carekey.authenticators.smartcard.authority.signing import Authority, Key, PublicKey
from carekey.authenticators.smartcard.events import (
    CardAdded,
    CardCancelled,
    CardChanged,
    CardUnlocking,
    CertificateNotSigned,
    CertificateSigned,
)
from carekey.authenticators.smartcard.model import Card, CardCertificate, CardId, CardState, Purpose, WhyCancelled
from carekey.authenticators.smartcard.ports import CardTx
from carekey.directory.model import PersonStatus
from carekey.kernel.actor import Actor
from carekey.kernel.ids import PersonId

TxT = TypeVar("TxT", bound=CardTx)

RENEWABLE = timedelta(days=90)
"""So long before its end a certificate may be renewed (cis2-profile section 6.2)."""

PROFILE = "own"


class CardError(Exception):
    """Why it cannot be done: a decision, or what is wrong with the card in the reader. A sentence for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """The rehearsal found these. Nothing was signed."""

    faults: tuple[str, ...]


def check_holder(tx: CardTx, person: PersonId) -> None:
    """Whether they may have a card. Raises: CardError."""
    holder = tx.people.find(person)
    if holder is None or holder.status is not PersonStatus.ACTIVE:
        raise CardError(f"Nobody who may log in has the user ID {person}.")


def prepare(
    tx: CardTx,
    *,
    serial: str,
    person: PersonId,
    id: CardId,
    shows: Collection[bytes] = (),
    has_keys: bool = False,
    by: Actor,
    now: datetime,
) -> Card:
    """Enter a card for a person, or find it again if its issue was interrupted. Raises: CardError.

    `shows`: the certificates on it. One that is not of this issue is somebody's, and is not written over; nor is a key
    (`has_keys`) on a card that nobody has begun to issue.
    """
    check_holder(tx, person)
    begun = tx.cards.find_serial(serial)
    ours = {one.der for one in tx.cards.certificates(begun.id)} if begun else set[bytes]()
    if not ours.issuperset(shows):
        raise CardError(
            f"The card {serial} has certificates that were not made here: take a blank one, or empty it first."
        )
    if begun is None and has_keys:
        raise CardError(f"The card {serial} has keys that were not made here: take a blank one, or empty it first.")
    made = Card(
        id=id,
        serial=serial,
        person=person,
        profile=PROFILE,
        state=CardState.PREPARED,
        created_at=now,
        changed_at=now,
    )
    if tx.cards.add(made):
        tx.audit.record(
            CardAdded(at=now, actor=by, card=id, serial=serial, person=person, profile=PROFILE, state=made.state)
        )
        return made
    known = tx.cards.find_serial(serial)
    if known is None or known.person != person:
        raise CardError(f"The card {serial} is somebody else's: cancel it, and take another.")
    if known.state is not CardState.PREPARED:
        raise CardError(f"The card {serial} is {known.state.value} already.")
    return known


def certify(
    tx: CardTx,
    card: Card,
    profile: CertificateProfile,
    public_key: PublicKey,
    *,
    authority: Authority,
    serial: int,
    throwaway: Key,
    seen: bool = False,
    by: Actor,
    now: datetime,
) -> CardCertificate | Faulty:
    """Have a certificate signed for a key that is on the card. Asked again for the same key, gives the same one.

    `seen`: at any time, since the registration authority has seen the person; that is on record.
    `throwaway`: any key of the authority's kind, for the rehearsal. The possession of the card's key is the
    caller's to prove. Raises: CardError.
    """
    if card.state is CardState.CANCELLED:
        raise CardError(f"The card {card.serial} is cancelled.")
    for known in tx.cards.certificates(card.id):
        if _spki(x509.load_der_x509_certificate(known.der).public_key()) != _spki(public_key):
            continue
        if known.superseded_at:
            raise CardError("The card shows a key that was replaced before: that one gets no certificate any more.")
        if known.purpose is not profile.purpose:
            raise CardError("The card shows one key for both of its certificates: each has a key of its own.")
        if known.issuer == authority.id:
            return known

    def sign(key: Key | None) -> x509.Certificate:
        return authority.sign_card(profile, user=card.person, public_key=public_key, serial=serial, now=now, key=key)

    found = lint.hindrances(profile, authority=authority, now=now) or lint.faults(
        sign(throwaway), profile, user=card.person, authority=authority, now=now
    )
    if found:
        tx.audit.record(
            CertificateNotSigned(
                at=now, actor=by, card=card.id, person=card.person, purpose=profile.purpose, faults=tuple(found)
            )
        )
        return Faulty(faults=tuple(found))
    signed = sign(None)
    kept = CardCertificate(
        issuer=authority.id,
        serial=serial,
        card=card.id,
        purpose=profile.purpose,
        der=signed.public_bytes(Encoding.DER),
        starts_at=signed.not_valid_before_utc,
        ends_at=signed.not_valid_after_utc,
    )
    if not tx.cards.add_certificate(kept):
        raise CardError("The serial number was used before: try again.")
    tx.audit.record(
        CertificateSigned(
            at=now,
            actor=by,
            card=card.id,
            person=card.person,
            purpose=profile.purpose,
            serial=f"{serial:x}",
            ends_at=kept.ends_at.isoformat(),
            seen=seen,
        )
    )
    return kept


def hand_over(tx: CardTx, card: Card, *, locked: bool, by: Actor, now: datetime) -> Card:
    """The card is made: from now on it logs its holder in, or waits to be unlocked. Raises: CardError."""
    return move(tx, card, to=CardState.LOCKED if locked else CardState.ACTIVE, why="issued", by=by, now=now)


ALLOWED = {
    CardState.PREPARED: {CardState.LOCKED, CardState.ACTIVE},
    # Not suspended: a card that was resumed would be active, and its holder has never had it.
    CardState.LOCKED: {CardState.ACTIVE},
    CardState.ACTIVE: {CardState.SUSPENDED, CardState.LOCKED},
    CardState.SUSPENDED: {CardState.ACTIVE},
    CardState.CANCELLED: set[CardState](),
}


def move(tx: CardTx, card: Card, *, to: CardState, why: str, by: Actor, now: datetime) -> Card:
    """Change a card's state, but for cancelling. Of two at once one wins, the other is told. Raises: CardError."""
    if to not in ALLOWED[card.state]:
        raise CardError(f"The card {card.serial} is {card.state.value}, and cannot become {to.value}.")
    if not tx.cards.move(card.id, was=card.state, to=to, at=now):
        raise CardError(f"Somebody else has just changed the card {card.serial}.")
    tx.audit.record(CardChanged(at=now, actor=by, card=card.id, person=card.person, was=card.state, now=to, why=why))
    found = tx.cards.find(card.id)
    assert found is not None
    return found


def set_out_to_unlock(tx: CardTx, card: Card, *, by: Actor, now: datetime) -> None:
    """Record it before the card gets its new PIN, which nothing here could take back. Raises: CardError."""
    found = tx.cards.find(card.id)
    if found is None or found.state is not card.state:
        raise CardError(f"Somebody else has just changed the card {card.serial}.")
    if card.state not in {CardState.LOCKED, CardState.ACTIVE}:
        raise CardError(f"The card {card.serial} is {card.state.value}.")
    tx.audit.record(CardUnlocking(at=now, actor=by, card=card.id, person=card.person, state=card.state))


def unlocked(tx: CardTx, card: Card, *, by: Actor, now: datetime) -> Card:
    """The card has its new PIN. One that was issued locked is active from now on. Raises: CardError."""
    if card.state is CardState.LOCKED:
        return move(tx, card, to=CardState.ACTIVE, why="unlocked", by=by, now=now)
    tx.audit.record(
        CardChanged(at=now, actor=by, card=card.id, person=card.person, was=card.state, now=card.state, why="unlocked")
    )
    return card


def cancel(
    tx: TxT,
    card: Card,
    why: WhyCancelled,
    *,
    end_sessions: Callable[[TxT, Card], int],
    by: Actor,
    now: datetime,
) -> None:
    """For ever: its certificates are revoked and its sessions end, all in one transaction. Raises: CardError.

    `end_sessions` ends those that began with the card, and tells how many they were.
    """
    if card.state is CardState.CANCELLED:
        raise CardError(f"The card {card.serial} was cancelled before.")
    if not tx.cards.move(card.id, was=card.state, to=CardState.CANCELLED, at=now, why=why):
        raise CardError(f"Somebody else has just changed the card {card.serial}.")
    certificates = tx.cards.revoke_certificates(card.id, at=now)
    tx.audit.record(
        CardCancelled(
            at=now,
            actor=by,
            card=card.id,
            person=card.person,
            why=why,
            sessions=end_sessions(tx, card),
            certificates=certificates,
        )
    )


def current(certificates: Sequence[CardCertificate]) -> Sequence[CardCertificate]:
    """Those that are on the card now."""
    return [one for one in certificates if not one.superseded_at]


def renewable(certificates: Sequence[CardCertificate], purpose: Purpose, *, late: bool, now: datetime) -> bool:
    """Whether the certificate for this purpose may be replaced: it is near its end, but not past it.

    `late`: the registration authority has seen the person, so any will do, but for one of the last day: that one
    was just renewed, and the rest of the renewal was interrupted.
    """
    found = [one for one in certificates if one.purpose is purpose]
    oldest = min(found, key=lambda one: one.ends_at, default=None)
    if oldest is None:
        return late
    if late:
        return oldest.starts_at < now - timedelta(days=1)
    return oldest.ends_at - RENEWABLE <= now < oldest.ends_at


def _spki(key: object) -> bytes:
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
