"""A PIV card in a reader (NIST SP 800-73-4), with PIN and management key: issuing, renewing and unlocking it.

It has one place for each key, so a renewed key takes the old one's. The old certificate goes first and the new key's
place is marked at once: whenever the card is pulled out, no certificate is beside a key that is not its own, and what
was begun is found again.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from carekey.authenticators.smartcard import piv
from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.authority.signing import user_name
from carekey.authenticators.smartcard.hidden_key import (
    HiddenCurveKey,
    HiddenKey,
    Kind,
    OnCard,
    belong_together,
    hash_for,
)
from carekey.authenticators.smartcard.model import Purpose
from carekey.kernel.secret import Secret

Transmit = Callable[[bytes], bytes]
"""Sends one command to the card; its answer, with the status at the end. Raises: CardError, if the card is gone."""


SLOTS = {Purpose.AUTHENTICATION: (b"\x9a",), Purpose.CONTENT_COMMITMENT: (b"\x9c",)}
"""Key references."""

T = TypeVar("T")


class PivCard:
    """A `writable.Writable`, once `open_with` has been passed. Every method raises CardError."""

    def __init__(self, transmit: Transmit, kind: Kind = Kind.RSA_2048) -> None:
        """`kind`: of the keys that it makes."""
        self.slots = SLOTS
        self._kind = kind
        self._transmit = transmit
        self._pin = b""

    @property
    def serial(self) -> str:
        return self.number() or ""

    def is_piv(self) -> bool:
        return self._ask(piv.select())[0] == piv.DONE

    def number(self) -> str | None:
        """Its GUID; None if nobody has given it one."""
        answer = self._read(piv.HOLDER)
        found = _readable(piv.guid, answer) if answer is not None else None
        return found.hex() if found else None

    def give_number(self, guid: bytes) -> None:
        self._put(piv.HOLDER, piv.holder_object(guid))

    def open_with(self, pin: Secret, management_key: Secret, challenge: bytes) -> None:
        """`challenge`: 16 unpredictable bytes. The management key first: a wrong one costs no try of the PIN."""
        padded = piv.padded_pin(pin.reveal())
        if padded is None:
            raise CardError("The PIN of a PIV card has six to eight digits.")
        self._show_management_key(management_key, challenge)
        self._pin = padded
        self._verify()

    def unlock(self, puk: Secret, new_pin: Secret) -> None:
        """A new PIN, and with it a fresh count of tries."""
        old, new = check_unlocking(puk, new_pin)
        status, _ = self._ask(piv.reset_retry_counter(old, new))
        if status & 0xFFF0 == piv.WRONG_PIN:
            raise CardError(f"The PUK is wrong: {_tries(status)}.")
        if status == piv.BLOCKED:
            raise CardError("The PUK is blocked: nobody can unlock this card. Cancel it, and issue another.")
        _check(status)

    def certificate(self, id: bytes) -> bytes | None:
        der = self._certificate(id)
        return None if der is None or _marks_a_key(der) else der

    def certificates(self) -> Sequence[bytes]:
        return [der for places in self.slots.values() for id in places if (der := self.certificate(id)) is not None]

    def key(self, id: bytes) -> OnCard | None:
        """PIV cards tell a public key once, when it is made: from then on its certificate tells, or its mark."""
        der = self._certificate(id)
        if der is None:
            return None
        try:
            public_key = x509.load_der_x509_certificate(der).public_key()
        except ValueError:
            raise CardError("The card has a certificate that cannot be read.") from None
        return self._under(id, public_key)

    def make_key(self, id: bytes, label: str) -> OnCard:
        del label
        if (known := self.key(id)) is not None:
            return known
        key = self._under(id, _readable(piv.public_key, self._done(piv.generate(id[0], _ALGORITHMS[self._kind]))))
        self._put(piv.CERTIFICATES[id[0]], piv.certificate_object(_mark(key)))
        return key

    def _under(self, id: bytes, public_key: object) -> OnCard:
        if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size == _BITS:
            return HiddenKey(lambda data: self._sign(id[0], piv.RSA_2048, _padded(data)), public_key)
        if isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.curve.name in _CURVES:
            algorithm = _CURVES[public_key.curve.name]
            return HiddenCurveKey(lambda hashed: self._sign(id[0], algorithm, hashed), public_key)
        raise CardError("The card has a key that was not made here.")

    def request(self, key: OnCard, user: str) -> x509.CertificateSigningRequest:
        return x509.CertificateSigningRequestBuilder().subject_name(user_name(user)).sign(key, hash_for(key))

    def write(self, id: bytes, label: str, der: bytes) -> None:
        del label
        if self._certificate(id) != der:
            self._put(piv.CERTIFICATES[id[0]], piv.certificate_object(der))

    def check(self, id: bytes) -> None:
        key = self.key(id)
        if key is None or self.certificate(id) is None:
            raise CardError("The card lacks a certificate that was just written: try again.")
        if not belong_together(key, key.public_key()):
            raise CardError("The card's key and certificate do not belong together.")

    def remove(self, id: bytes) -> None:
        """The certificate: a key is gone when another is made in its place."""
        self._put(piv.CERTIFICATES[id[0]], b"")

    def _show_management_key(self, given: Secret, challenge: bytes) -> None:
        keys = piv.management_keys(given.reveal().strip())
        if not keys:
            raise CardError("The management key has 32, 48 or 64 hexadecimal digits.")
        for key in keys:
            status, answer = self._ask(key.ask_witness())
            if status != piv.DONE:
                continue  # it has a key of another kind, and says so before anything is shown
            ours = challenge[: key.block_size]
            status, answer = self._ask(_readable(partial(key.show_witness, challenge=ours), answer))
            if status == piv.DONE and _readable(partial(key.proven, challenge=ours), answer):
                return
            break
        raise CardError("The management key is not this card's.")

    def _verify(self) -> None:
        status, _ = self._ask(piv.verify(self._pin))
        if status & 0xFFF0 == piv.WRONG_PIN and status & 0xF:
            raise CardError(f"The PIN is wrong: {_tries(status)}.")
        if status in {piv.BLOCKED, piv.WRONG_PIN}:
            raise CardError("The card is locked: unlock it first.")
        _check(status)

    def _sign(self, key: int, algorithm: int, block: bytes) -> bytes:
        """The key for signatures wants the PIN each time (part 1 section 3.2.1)."""
        self._verify()
        return _readable(piv.signature, self._done(piv.sign(key, algorithm, block)))

    def _certificate(self, id: bytes) -> bytes | None:
        answer = self._read(piv.CERTIFICATES[id[0]])
        return None if answer is None else _readable(piv.certificate, answer)

    def _read(self, name: bytes) -> bytes | None:
        status, answer = self._ask(piv.get_data(name))
        if status == piv.NO_OBJECT:
            return None
        _check(status)
        return answer

    def _put(self, name: bytes, content: bytes) -> None:
        self._done(piv.put_data(name, content))

    def _done(self, commands: Sequence[bytes]) -> bytes:
        status, answer = self._ask(commands)
        _check(status)
        return answer

    def _ask(self, commands: Sequence[bytes]) -> tuple[int, bytes]:
        """Status and answer, which comes in parts (ISO/IEC 7816-4 section 5.1.3)."""
        *before, last = commands
        for command in before:
            status, _ = _split(self._transmit(command))
            if status != piv.DONE:
                return status, b""
        status, answer = _split(self._transmit(last))
        for _ in range(_PARTS):
            if status >> 8 != _MORE:
                return status, answer
            status, part = _split(self._transmit(piv.get_response(status & 0xFF)))
            answer += part
        raise CardError(_NO_PIV_CARD)


def check_unlocking(puk: Secret, new_pin: Secret) -> tuple[bytes, bytes]:
    """Both as the card takes them. Raises: CardError."""
    old, new = piv.padded_puk(puk.reveal()), piv.padded_pin(new_pin.reveal())
    if old is None:
        raise CardError("The PUK of a PIV card has six to eight characters.")
    if new is None:
        raise CardError("The PIN of a PIV card has six to eight digits.")
    return old, new


def _split(answer: bytes) -> tuple[int, bytes]:
    if len(answer) < 2:
        raise CardError(_GONE)
    return int.from_bytes(answer[-2:], "big"), answer[:-2]


def _check(status: int) -> None:
    if status != piv.DONE:
        raise CardError(f"The card did not do it ({status:04x}): put it in again and repeat.")


def _tries(status: int) -> str:
    left = status & 0xF
    return "one try is left" if left == 1 else f"{left} tries are left" if left else "no try is left"


def _readable(read: Callable[[bytes], T], answer: bytes) -> T:
    """Raises: CardError."""
    try:
        return read(answer)
    except piv.Unreadable:
        raise CardError(_NO_PIV_CARD) from None


def _mark(key: OnCard) -> bytes:
    """A certificate that nobody ever accepts: it holds the new key's place until the authority has signed."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(_MARK)
        .issuer_name(_MARK)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(long_ago)
        .not_valid_after(long_ago)
        .sign(key, hash_for(key))
    )
    return made.public_bytes(Encoding.DER)


def _marks_a_key(der: bytes) -> bool:
    try:
        return x509.load_der_x509_certificate(der).issuer == _MARK
    except ValueError:
        return False


_MARK = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CareKey: no certificate yet")])
_GONE = "The card was taken out, or does not answer: put it in again and repeat."
_NO_PIV_CARD = "The card answers as no PIV card does."
_MORE, _PARTS = 0x61, 128
"""An answer that has no end after 32 KB is none."""
_BITS = 2048
_ALGORITHMS = {Kind.RSA_2048: piv.RSA_2048, Kind.P_256: piv.ECC_P256, Kind.P_384: piv.ECC_P384}
_CURVES = {"secp256r1": piv.ECC_P256, "secp384r1": piv.ECC_P384}


def _padded(data: bytes) -> bytes:
    """EMSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 9.2)."""
    told = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
    return b"\x00\x01" + b"\xff" * (_BITS // 8 - len(told) - 3) + b"\x00" + told
