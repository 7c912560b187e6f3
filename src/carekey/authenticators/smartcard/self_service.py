"""A person renews their own card: what they are told on the way, and what a renewal code allows. Pure, but for the store.

Logging in with the card proves possession of the old key, and buys a code. The code alone buys nothing: each request
for a certificate bears a signature of the old key too, so that whoever sees the page cannot have a key of their own
certified (cis2-profile section 6.2).
"""

from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from carekey.authenticators.base import Challenge, Verified
from carekey.authenticators.smartcard.authority import registration
from carekey.authenticators.smartcard.authority.registration import RENEWABLE
from carekey.authenticators.smartcard.model import CardCertificate, CardId
from carekey.authenticators.smartcard.ports import CardTx
from carekey.kernel.ids import LoginId, PersonId
from carekey.kernel.secret import digest

ON_THE_PAGE = timedelta(minutes=15)
AT_THE_READER = timedelta(hours=1)
"""Time to go on with a renewal that was interrupted, without logging in anew."""
SAID_ONCE_IN = timedelta(hours=20)
"""Nobody has to wave the same notice away at every log-in of a shift."""
_SUBJECT = "smartcard-renewal:"


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Whose renewal a code is for."""

    card: CardId
    serial: str
    person: PersonId
    ends_at: datetime
    own: bool
    """Our authority made it. Another PKI renews its own cards."""
    login: LoginId | None = None
    """The log-in that it is part of; none once it is for the reader."""


def runs_out(tx: CardTx, proof: Verified, *, login: LoginId, now: datetime) -> Ticket | None:
    """What a person who has just logged in is to be told, if their card is near its end and they have not been told
    lately."""
    card = tx.cards.find(CardId(proof.credential))
    held = registration.current(tx.cards.certificates(card.id)) if card else ()
    # The oldest counts: what a renewal that was interrupted has not replaced yet is still to be replaced.
    ends = min((one.ends_at for one in held), default=None)
    if card is None or ends is None or now < ends - RENEWABLE:
        return None
    if tx.failures.add(_told(card.id), now=now, until=now + SAID_ONCE_IN) > 1:
        return None
    own = card.profile == registration.PROFILE
    return Ticket(card=card.id, serial=card.serial, person=card.person, ends_at=ends, own=own, login=login)


def tell_again(tx: CardTx, ticket: Ticket) -> None:
    """A renewal was begun: until it is done, the next log-in leads to it."""
    tx.failures.clear(_told(ticket.card))


def sealed(ticket: Ticket, *, code: str, until: datetime) -> Challenge:
    return Challenge(
        digest=digest(code),
        subject=f"{_SUBJECT}{ticket.login or ticket.card}",
        data=msgspec.msgpack.encode(ticket),
        expires_at=until,
    )


def opened(taken: Challenge | None, *, login: LoginId | None) -> Ticket | None:
    """None for no code, one for something else, or of another log-in."""
    if taken is None or not taken.subject.startswith(_SUBJECT):
        return None
    ticket = msgspec.msgpack.decode(taken.data, type=Ticket)
    return ticket if ticket.login == login else None


def signed_text(code: str, request: bytes) -> bytes:
    """What the old key signs for each request."""
    return b"carekey card renewal\0" + digest(code) + request


def proven(certificates: list[CardCertificate], signature: bytes, text: bytes) -> bool:
    """Whether a key that logs in with this card made the signature."""
    for one in certificates:
        key = x509.load_der_x509_certificate(one.der).public_key()
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
            else:
                continue
        except InvalidSignature:
            continue
        return True
    return False


def _told(card: CardId) -> str:
    return f"smartcard-runs-out:{card}"
