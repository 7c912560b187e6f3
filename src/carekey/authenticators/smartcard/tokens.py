"""Cards and tokens by PKCS#11: the reader's side of issuing, renewing and unlocking. Needs the package `python-pkcs11`."""

import errno
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PinIncorrect, PinInvalid, PinLenRange, PinLocked, PKCS11Error

from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.authority.signing import user_name
from carekey.authenticators.smartcard.choosing import ANY, InReader, Wanted, choose
from carekey.authenticators.smartcard.hidden_key import (
    HiddenCurveKey,
    HiddenKey,
    Kind,
    OnCard,
    belong_together,
    hash_for,
)
from carekey.authenticators.smartcard.writable import SLOTS
from carekey.kernel.secret import Secret

KEY_BITS = 2048

PIV = "piv_II"
"""How OpenSC calls the maker of every PIV card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    serial: str
    reader: str
    label: str
    manufacturer: str
    pin: str
    """`ready`, `last_try`, `locked` or `not_set`."""
    makes_keys: bool
    """Whether keys can be made on it by PKCS#11. A PIV card's (NIST SP 800-73) are made with its maker's tools."""
    certificates: tuple[bytes, ...] = ()
    """What it shows without a PIN, DER."""


class Token:
    """A `writable.Writable`: a card that is in the reader, logged in to."""

    slots = SLOTS

    def __init__(self, session: pkcs11.Session, serial: str, kind: Kind = Kind.RSA_2048) -> None:
        """`kind`: of the keys that it makes."""
        self._session = session
        self.serial = serial
        self._kind = kind

    def certificate(self, id: bytes) -> bytes | None:
        found = self._one(ObjectClass.CERTIFICATE, id)
        return None if found is None else bytes(found[Attribute.VALUE])

    def key(self, id: bytes) -> OnCard | None:
        private, public = self._one(ObjectClass.PRIVATE_KEY, id), self._one(ObjectClass.PUBLIC_KEY, id)
        if private is None or public is None:
            return None
        return _hidden(private, public)

    def make_key(self, id: bytes, label: str) -> OnCard:
        """The key under this identifier; made on the token, from which it never comes out, if there is none."""
        if (known := self.key(id)) is not None:
            return known
        stays = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
        if self._kind is Kind.RSA_2048:
            made = self._session.generate_keypair(
                KeyType.RSA, KEY_BITS, id=id, label=label, store=True, private_template=stays
            )
        else:
            curve = {Attribute.EC_PARAMS: _CURVES[self._kind]}
            parameters = self._session.create_domain_parameters(KeyType.EC, curve, local=True)
            made = parameters.generate_keypair(id=id, label=label, store=True, private_template=stays)
        public, private = made
        return _hidden(private, public)

    def request(self, key: OnCard, user: str) -> x509.CertificateSigningRequest:
        """A request signed by the key it is for, which proves that the card has it (RFC 2986)."""
        return x509.CertificateSigningRequestBuilder().subject_name(user_name(user)).sign(key, hash_for(key))

    def write(self, id: bytes, label: str, der: bytes) -> None:
        """Put a certificate beside its key, in place of any other."""
        if self.certificate(id) == der:
            return
        if (old := self._one(ObjectClass.CERTIFICATE, id)) is not None:
            old.destroy()
        certificate = x509.load_der_x509_certificate(der)
        serial = certificate.serial_number
        self._session.create_object(
            {
                Attribute.CLASS: ObjectClass.CERTIFICATE,
                Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                Attribute.TOKEN: True,
                Attribute.ID: id,
                Attribute.LABEL: label,
                Attribute.SUBJECT: certificate.subject.public_bytes(),
                Attribute.ISSUER: certificate.issuer.public_bytes(),
                Attribute.SERIAL_NUMBER: _der_integer(serial),
                Attribute.VALUE: der,
            }
        )

    def check(self, id: bytes) -> None:
        """That certificate and key under this identifier belong together. Raises: CardError."""
        der, key = self.certificate(id), self.key(id)
        if der is None or key is None:
            raise CardError("The card lacks a key or a certificate that was just written: try again.")
        if not belong_together(key, x509.load_der_x509_certificate(der).public_key()):
            raise CardError("The card's key and certificate do not belong together.")

    def remove(self, id: bytes) -> None:
        for kind in (ObjectClass.CERTIFICATE, ObjectClass.PUBLIC_KEY, ObjectClass.PRIVATE_KEY):
            if (found := self._one(kind, id)) is not None:
                found.destroy()

    def _one(self, kind: ObjectClass, id: bytes) -> Any:
        return next(iter(list(self._session.get_objects({Attribute.CLASS: kind, Attribute.ID: id}))), None)


def _hidden(private: Any, public: Any) -> OnCard:
    if private[Attribute.KEY_TYPE] == KeyType.EC:
        return HiddenCurveKey(partial(_ecdsa, private), _curve_key_of(public))
    return HiddenKey(partial(private.sign, mechanism=Mechanism.SHA256_RSA_PKCS), public_key_of(public))


def _ecdsa(private: Any, hashed: bytes) -> bytes:
    """PKCS#11 has r and s side by side."""
    both: bytes = private.sign(hashed, mechanism=Mechanism.ECDSA)
    half = len(both) // 2
    return encode_dss_signature(int.from_bytes(both[:half], "big"), int.from_bytes(both[half:], "big"))


def facts(module: str, wanted: Wanted = ANY, *, besides: str | None = None) -> Facts:
    """What the card in the reader says of itself. `besides`: the serial number of a token that is no card.

    Raises: CardError."""
    return _facts(find_token(module, wanted, besides=besides))


@contextmanager
def opened(module: str, pin: Secret, wanted: Wanted = ANY, *, kind: Kind = Kind.RSA_2048) -> Iterator[Token]:
    """`kind`: of the keys that it makes. Raises: CardError."""
    found = find_token(module, wanted)
    serial = _serial(found)
    with _alone(serial), _explained(), found.open(rw=True, user_pin=pin.reveal()) as session:
        _in_use[module] += 1
        try:
            yield Token(session, serial, kind)
        finally:
            _in_use[module] -= 1


def unlock(module: str, *, security_officer_pin: Secret, new_pin: Secret, wanted: Wanted = ANY) -> None:
    """Give the card a new PIN, and with it a fresh count of tries. Raises: CardError.

    A PIV card has a PUK for that and no security officer. OpenSC takes it as the old PIN of a session that is not logged
    in, if its settings say `user_pin_unblock_style = set_pin_in_unlogged_session`.
    """
    found = find_token(module, wanted)
    with _alone(_serial(found)):
        if found.manufacturer_id.strip() == PIV:
            with _explained(), found.open(rw=True) as session:
                session.set_pin(security_officer_pin.reveal(), new_pin.reveal())
            return
        with _explained(), found.open(rw=True, so_pin=security_officer_pin.reveal()) as session:
            session.init_pin(new_pin.reveal())


_looks: Counter[str] = Counter()
_in_use: Counter[str] = Counter()
"""Cards that are open, by their modules."""


def looks(module: str) -> int:
    """How often it was made to look again which cards there are. What was opened before is gone, and its handle may be
    another card's by now."""
    return _looks[module]


def in_use(module: str) -> bool:
    return _in_use[module] > 0


def find_token(module: str, wanted: Wanted = ANY, *, besides: str | None = None, fresh: bool = True) -> pkcs11.Token:
    """`fresh`: look again which cards there are, which ends every session with this module. Raises: CardError."""
    with _explained():
        try:
            library = pkcs11.lib(module)
        except (RuntimeError, OSError):
            raise CardError(f"The PKCS#11 module {module} cannot be loaded.") from None
        if fresh:
            _looks[module] += 1
            library.reinitialize()  # a card may have come or gone since
        tokens = [slot.get_token() for slot in library.get_slots(token_present=True)]
        found: dict[InReader, pkcs11.Token] = {}
        for one in tokens:
            if pkcs11.TokenFlag.TOKEN_INITIALIZED in one.flags and _serial(one) != besides:
                found.setdefault(InReader(serial=_serial(one), reader=_reader(one)), one)
    _, token = choose(found, wanted)
    return token


@contextmanager
def _alone(serial: str) -> Iterator[None]:
    """Two that write on a card at once would each make a key in the same place, and PKCS#11 lets them. The name is free
    again when this process ends, however it ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as name:
        try:
            name.bind(f"\0carekey card {serial}")
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CardError(
                    f"Somebody else is at the card {serial} just now: repeat it when they are done."
                ) from None
        yield


def _facts(token: pkcs11.Token) -> Facts:
    flags = token.flags
    pin = (
        "locked"
        if pkcs11.TokenFlag.USER_PIN_LOCKED in flags
        else "last_try"
        if pkcs11.TokenFlag.USER_PIN_FINAL_TRY in flags
        else "ready"
        if pkcs11.TokenFlag.USER_PIN_INITIALIZED in flags
        else "not_set"
    )
    with _explained(), token.open() as session:
        shown = tuple(
            bytes(one[Attribute.VALUE]) for one in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})
        )
    return Facts(
        serial=_serial(token),
        reader=_reader(token),
        label=token.label.strip(),
        manufacturer=token.manufacturer_id.strip(),
        pin=pin,
        makes_keys=Mechanism.RSA_PKCS_KEY_PAIR_GEN in token.slot.get_mechanisms(),
        certificates=shown,
    )


def _serial(token: pkcs11.Token) -> str:
    serial: bytes = token.serial
    return serial.decode("ascii", "replace").strip(" \0")


def _reader(token: pkcs11.Token) -> str:
    said: str = token.slot.slot_description
    return said.strip(" \0")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except PinLocked:
        raise CardError("The card is locked: unlock it first.") from None
    except (PinIncorrect, PinInvalid):
        raise CardError("The PIN is wrong.") from None
    except PinLenRange:
        raise CardError("The PIN is too short or too long for this card.") from None
    except PKCS11Error as error:
        raise CardError(f"The card did not do it ({type(error).__name__}): put it in again and repeat.") from None


def public_key_of(key: Any) -> rsa.RSAPublicKey:
    modulus = int.from_bytes(key[Attribute.MODULUS], "big")
    exponent = int.from_bytes(key[Attribute.PUBLIC_EXPONENT], "big")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


_CURVES = {
    Kind.P_256: bytes.fromhex("06082a8648ce3d030107"),
    Kind.P_384: bytes.fromhex("06052b81040022"),
}
"""Their object identifiers, DER (RFC 5480 section 2.1.1.1)."""


def _curve_key_of(key: Any) -> ec.EllipticCurvePublicKey:
    """The point is an octet string in DER; two octets say so, or three."""
    wrapped = bytes(key[Attribute.EC_POINT])
    point = wrapped[3:] if wrapped[1] & 0x80 else wrapped[2:]
    curve = ec.SECP256R1() if bytes(key[Attribute.EC_PARAMS]) == _CURVES[Kind.P_256] else ec.SECP384R1()
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    except ValueError:
        raise CardError("The card has a key that was not made here.") from None


def _der_integer(value: int) -> bytes:
    body = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(body)]) + body
