"""A virtual PIV card (NIST SP 800-73-4): the applet, from command to answer. `card_reader.py` puts it into a reader.

It holds one certificate with its key, for logging in (slot 9A), and guards it by a PIN with a count of tries, which the
PUK resets. Only what a reader's software asks for is here: nothing makes keys or writes certificates over the wire.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from support.cards import PemCard

AID = bytes.fromhex("A000000308000010000100")
_PROVIDER, _AUTHENTICATION, _PIN = AID[:5], 0x9A, 0x80

_DONE, _NO_FILE, _NOT_SUPPORTED, _NO_REFERENCE = b"\x90\x00", b"\x6a\x82", b"\x6d\x00", b"\x6a\x88"
_PIN_NEEDED, _BLOCKED = b"\x69\x82", b"\x69\x83"

_NO_AGENCY = bytes.fromhex("d4e739da739ced39ce739d836858210842108421c84210c3eb")
"""FASC-N of agency 9999: the card's number is its GUID (SP 800-73-4 part 1 section 3.1.2)."""
_CAPABILITIES = (0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE)
_CAPABILITY_VALUES = {0xF1: b"\x21", 0xF2: b"\x21", 0xF4: b"\x00", 0xF5: b"\x10"}
_HASHES = {20: hashes.SHA1, 32: hashes.SHA256, 48: hashes.SHA384, 64: hashes.SHA512}


def tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    length = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big") + length + value


def untlv(data: bytes) -> Mapping[int, bytes]:
    found, at = {}, 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        found[tag] = data[at : at + size]
        at += size
    return found


@dataclass(frozen=True)
class Command:
    """ISO 7816-4."""

    chained: bool
    ins: int
    p1: int
    p2: int
    data: bytes
    expected: int

    @classmethod
    def read(cls, raw: bytes) -> Self:
        body = raw[4:]
        if len(body) > 3 and body[0] == 0:  # extended lengths
            size = int.from_bytes(body[1:3], "big")
            data, rest = body[3 : 3 + size], body[3 + size :]
        elif len(body) > 1:
            data, rest = body[1 : 1 + body[0]], body[1 + body[0] :]
        else:
            data, rest = b"", body
        expected = int.from_bytes(rest, "big") if rest else 0
        return cls(bool(raw[0] & 0x10), raw[1], raw[2], raw[3], data, expected or 256)


@dataclass(kw_only=True)
class PivCard:
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    pin: str
    puk: str = "12345678"
    tries: int = 3
    left: int = field(init=False)
    """Tries of the PIN; at none it is locked."""
    _proven: bool = False
    _selected: bool = False
    _chain: bytes = b""
    _rest: bytes = b""

    def __post_init__(self) -> None:
        self.left = self.tries

    @classmethod
    def of(cls, files: PemCard, *, pin: str) -> Self:
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        return cls(certificate=x509.load_pem_x509_certificate(files.certificate.read_bytes()), key=key, pin=pin)

    @property
    def locked(self) -> bool:
        return self.left == 0

    def reset(self) -> None:
        """The power went."""
        self._proven = self._selected = False
        self._chain = self._rest = b""

    def answer(self, raw: bytes) -> bytes:
        command = Command.read(raw)
        if command.chained:
            self._chain += command.data
            return _DONE
        data, self._chain = self._chain + command.data, b""
        if command.ins == 0xA4:
            return self._select(data)
        known: Mapping[int, Callable[[Command, bytes], bytes]] = {
            0x20: self._verify,
            0x24: self._change,
            0x2C: self._unblock,
            0x87: self._authenticate,
            0xC0: self._more,
            0xCB: self._data,
        }
        doing = known.get(command.ins)
        return doing(command, data) if doing and self._selected else _NOT_SUPPORTED

    def _select(self, data: bytes) -> bytes:
        if not data or not AID.startswith(data):
            return _NO_FILE
        self._selected = True
        return tlv(0x61, tlv(0x4F, AID[5:]) + tlv(0x79, tlv(0x4F, _PROVIDER))) + _DONE

    def _verify(self, command: Command, data: bytes) -> bytes:
        if command.p2 != _PIN:
            return _NO_REFERENCE
        if command.p1 == 0xFF:
            self._proven = False
            return _DONE
        if not data:
            return _DONE if self._proven else self._state()
        return _DONE if self._try(data) else self._state()

    def _change(self, command: Command, data: bytes) -> bytes:
        if command.p2 != _PIN:
            return _NO_REFERENCE
        if not self._try(data[:8]):
            return self._state()
        self.pin = _unpadded(data[8:16])
        return _DONE

    def _unblock(self, command: Command, data: bytes) -> bytes:
        if command.p2 != _PIN:
            return _NO_REFERENCE
        if _unpadded(data[:8]) != self.puk:
            return b"\x63\xc2"
        self.pin, self.left = _unpadded(data[8:16]), self.tries
        return _DONE

    def _try(self, given: bytes) -> bool:
        if self.locked:
            return False
        self._proven = _unpadded(given) == self.pin
        self.left = self.tries if self._proven else self.left - 1
        return self._proven

    def _state(self) -> bytes:
        return _BLOCKED if self.locked else bytes([0x63, 0xC0 | self.left])

    def _authenticate(self, command: Command, data: bytes) -> bytes:
        """The key signs what it is given: for RSA that is already padded, for elliptic curves a hash."""
        if command.p2 != _AUTHENTICATION:
            return _NO_REFERENCE
        if not self._proven:
            return _PIN_NEEDED
        asked = untlv(untlv(data)[0x7C])[0x81]
        if isinstance(self.key, rsa.RSAPrivateKey):
            numbers = self.key.private_numbers()
            number = pow(int.from_bytes(asked, "big"), numbers.d, numbers.public_numbers.n)
            signed = number.to_bytes(self.key.key_size // 8, "big")
        else:
            signed = self.key.sign(asked, ec.ECDSA(Prehashed(_HASHES[len(asked)]())))
        return self._reply(tlv(0x7C, tlv(0x82, signed)), command)

    def _data(self, command: Command, data: bytes) -> bytes:
        found = self._objects().get(int.from_bytes(untlv(data)[0x5C], "big"))
        return _NO_FILE if found is None else self._reply(found, command)

    def _objects(self) -> Mapping[int, bytes]:
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        mark = hashlib.sha256(der).digest()[:16]
        holder = tlv(0x30, _NO_AGENCY) + tlv(0x34, mark) + tlv(0x35, b"20491231") + tlv(0x3E, b"")
        able = tlv(0xF0, b"\xa0\x00\x00\x01\x16\xff\x02" + mark[:14])
        able += b"".join(tlv(tag, _CAPABILITY_VALUES.get(tag, b"")) for tag in _CAPABILITIES)
        return {
            0x5FC102: tlv(0x53, holder + tlv(0xFE, b"")),
            0x5FC105: tlv(0x53, tlv(0x70, der) + tlv(0x71, b"\x00") + tlv(0xFE, b"")),
            0x5FC107: tlv(0x53, able),
            0x7E: tlv(0x7E, tlv(0x4F, AID) + tlv(0x5F2F, b"\x40\x00")),
        }

    def _more(self, command: Command, _data: bytes) -> bytes:
        return self._reply(self._rest, command)

    def _reply(self, whole: bytes, command: Command) -> bytes:
        """Not one byte more than was asked for: OpenSC would drop the object without a word."""
        now, self._rest = whole[: command.expected], whole[command.expected :]
        return now + (bytes([0x61, min(len(self._rest), 256) % 256]) if self._rest else _DONE)


def _unpadded(secret: bytes) -> str:
    return secret.rstrip(b"\xff").decode("ascii", "replace")
