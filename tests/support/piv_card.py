"""A virtual PIV card (NIST SP 800-73-4): the applet, from command to answer. `card_reader.py` puts it into a reader.

It holds keys with their certificates, for logging in (9A) and for signatures (9C), and guards them by a PIN with a count
of tries, which the PUK resets. Whoever proves the management key (9B) makes keys on it and writes its data objects.
"""

import hashlib
import hmac
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from support.cards import PemCard

AID = bytes.fromhex("A000000308000010000100")
_PROVIDER, _AUTHENTICATION, _SIGNATURE, _MANAGEMENT, _PIN = AID[:5], 0x9A, 0x9C, 0x9B, 0x80
AES_192, TRIPLE_DES = 0x0A, 0x03
MAKERS_KEY = bytes.fromhex("010203040506070801020304050607080102030405060708")
"""What new cards have."""

_DONE, _NO_FILE, _NOT_SUPPORTED, _NO_REFERENCE = b"\x90\x00", b"\x6a\x82", b"\x6d\x00", b"\x6a\x88"
_NOT_SATISFIED, _BLOCKED, _WRONG_DATA, _WRONG_P1P2 = b"\x69\x82", b"\x69\x83", b"\x6a\x80", b"\x6a\x86"

_CERTIFICATES = {_AUTHENTICATION: 0x5FC105, _SIGNATURE: 0x5FC10A}
_DISCOVERY = b"\x7e\x12\x4f\x0b" + AID + b"\x5f\x2f\x02\x40\x00"
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
        tag, at = data[at], at + 1
        if tag & 0x1F == 0x1F:
            tag, at = tag << 8 | data[at], at + 1
        size, at = data[at], at + 1
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


Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class PulledOut(EOFError):
    """Somebody took the card out in the middle of it."""


@dataclass(kw_only=True)
class PivCard:
    certificate: x509.Certificate | None = None
    """With its key, for logging in; without either it is a blank card."""
    key: Key | None = None
    pin: str
    puk: str = "12345678"
    management_key: bytes = MAKERS_KEY
    management_algorithm: int = AES_192
    tries: int = 3
    left: int = field(init=False)
    """Tries of the PIN; at none it is locked."""
    puk_left: int = field(init=False)
    keys: dict[int, Key] = field(default_factory=dict)
    objects: dict[int, bytes] = field(default_factory=dict)
    watch: Callable[[str, Command], None] = lambda when, command: None
    """Told `before` and `after` each command is done. It may raise `PulledOut`."""
    _proven: bool = False
    _just_proven: bool = False
    _opened: bool = False
    _asked: bytes = b""
    _selected: bool = False
    _chain: bytes = b""
    _rest: bytes = b""

    def __post_init__(self) -> None:
        self.left = self.puk_left = self.tries
        if self.certificate is not None and self.key is not None:
            self.keys[_AUTHENTICATION] = self.key
            self.objects |= _objects(self.certificate)

    @classmethod
    def of(cls, files: PemCard, *, pin: str) -> Self:
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        return cls(certificate=x509.load_pem_x509_certificate(files.certificate.read_bytes()), key=key, pin=pin)

    @property
    def locked(self) -> bool:
        return self.left == 0

    @property
    def opened(self) -> bool:
        """Whether whoever speaks to it next has what the PIN or the management key opened."""
        return self._proven or self._opened

    def reset(self) -> None:
        """The power went."""
        self._proven = self._just_proven = self._opened = self._selected = False
        self._chain = self._rest = self._asked = b""

    def answer(self, raw: bytes) -> bytes:
        command = Command.read(raw)
        if command.chained:
            self._chain += command.data
            return _DONE
        data, self._chain = self._chain + command.data, b""
        self.watch("before", command)
        try:
            return self._do(command, data)
        finally:
            self._just_proven = self._proven and command.ins == 0x20
            self.watch("after", command)

    def _do(self, command: Command, data: bytes) -> bytes:
        if command.ins == 0xA4:
            return self._select(data)
        known: Mapping[int, Callable[[Command, bytes], bytes]] = {
            0x20: self._verify,
            0x24: self._change,
            0x2C: self._unblock,
            0x47: self._generate,
            0x87: self._authenticate,
            0xC0: self._more,
            0xCB: self._data,
            0xDB: self._put,
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
        if self.puk_left == 0:
            return _BLOCKED
        if _unpadded(data[:8]) != self.puk:
            self.puk_left -= 1
            return bytes([0x63, 0xC0 | self.puk_left]) if self.puk_left else _BLOCKED
        self.pin, self.left, self.puk_left = _unpadded(data[8:16]), self.tries, self.tries
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
        asked = untlv(untlv(data)[0x7C])
        if command.p2 == _MANAGEMENT:
            return self._open(command, asked)
        key = self.keys.get(command.p2)
        if key is None:
            return _NO_REFERENCE
        # The key for signatures wants the PIN each time (SP 800-73-4 part 1 section 3.2.1).
        if not (self._just_proven if command.p2 == _SIGNATURE else self._proven):
            return _NOT_SATISFIED
        given = asked[0x81]
        if isinstance(key, rsa.RSAPrivateKey):
            numbers = key.private_numbers()
            number = pow(int.from_bytes(given, "big"), numbers.d, numbers.public_numbers.n)
            signed = number.to_bytes(key.key_size // 8, "big")
        else:
            signed = key.sign(given, ec.ECDSA(Prehashed(_HASHES[len(given)]())))
        return self._reply(tlv(0x7C, tlv(0x82, signed)), command)

    def _open(self, command: Command, asked: Mapping[int, bytes]) -> bytes:
        """The management key, by the mutual protocol of SP 800-73-4 part 2 appendix A.1: what was asked serves once."""
        if command.p1 != self.management_algorithm:
            return _WRONG_P1P2
        cipher = TripleDES if self.management_algorithm == TRIPLE_DES else AES
        block = Cipher(cipher(self.management_key), modes.ECB())
        before, self._asked = self._asked, b""
        if asked.get(0x80) == b"":  # a witness for the reader to decrypt
            self._asked = os.urandom(8 if cipher is TripleDES else 16)
            return tlv(0x7C, tlv(0x80, block.encryptor().update(self._asked))) + _DONE
        self._opened = bool(before) and hmac.compare_digest(asked.get(0x80, b""), before)
        if not self._opened:
            return _NOT_SATISFIED
        return tlv(0x7C, tlv(0x82, block.encryptor().update(asked[0x81]))) + _DONE

    def _generate(self, command: Command, data: bytes) -> bytes:
        if not self._opened:
            return _NOT_SATISFIED
        if command.p2 not in _CERTIFICATES:
            return _WRONG_P1P2
        match untlv(untlv(data)[0xAC])[0x80]:
            case b"\x07":
                made = next(_RSA)
                numbers = made.public_key().public_numbers()
                told = tlv(0x81, numbers.n.to_bytes(256, "big")) + tlv(0x82, numbers.e.to_bytes(3, "big"))
                self.keys[command.p2] = made
            case b"\x11" | b"\x14" as asked:
                curve = ec.generate_private_key(ec.SECP256R1() if asked == b"\x11" else ec.SECP384R1())
                point = serialization.PublicFormat.UncompressedPoint
                told = tlv(0x86, curve.public_key().public_bytes(serialization.Encoding.X962, point))
                self.keys[command.p2] = curve
            case _:
                return _WRONG_DATA
        return self._reply(tlv(0x7F49, told), command)

    def _put(self, command: Command, data: bytes) -> bytes:
        if not self._opened:
            return _NOT_SATISFIED
        name, content = int.from_bytes(untlv(data)[0x5C], "big"), untlv(data)[0x53]
        self.objects.pop(name, None)
        if content:
            self.objects[name] = tlv(0x53, content)
        return _DONE

    def _data(self, command: Command, data: bytes) -> bytes:
        found = {**self.objects, 0x7E: _DISCOVERY}.get(int.from_bytes(untlv(data)[0x5C], "big"))
        return _NO_FILE if found is None else self._reply(found, command)

    def _more(self, command: Command, _data: bytes) -> bytes:
        return self._reply(self._rest, command)

    def _reply(self, whole: bytes, command: Command) -> bytes:
        """Not one byte more than was asked for: OpenSC would drop the object without a word."""
        now, self._rest = whole[: command.expected], whole[command.expected :]
        return now + (bytes([0x61, min(len(self._rest), 256) % 256]) if self._rest else _DONE)


def _objects(certificate: x509.Certificate) -> Mapping[int, bytes]:
    """What a card that was issued elsewhere has."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    mark = hashlib.sha256(der).digest()[:16]
    holder = tlv(0x30, _NO_AGENCY) + tlv(0x34, mark) + tlv(0x35, b"20491231") + tlv(0x3E, b"")
    able = tlv(0xF0, b"\xa0\x00\x00\x01\x16\xff\x02" + mark[:14])
    able += b"".join(tlv(tag, _CAPABILITY_VALUES.get(tag, b"")) for tag in _CAPABILITIES)
    return {
        0x5FC102: tlv(0x53, holder + tlv(0xFE, b"")),
        _CERTIFICATES[_AUTHENTICATION]: tlv(0x53, tlv(0x70, der) + tlv(0x71, b"\x00") + tlv(0xFE, b"")),
        0x5FC107: tlv(0x53, able),
    }


def _rsa_keys() -> Iterator[rsa.RSAPrivateKey]:
    """Sixteen, and then the same again, which no one card sees: making them is what takes the time of tests."""
    made = []
    for _ in range(16):
        made.append(rsa.generate_private_key(65537, 2048))
        yield made[-1]
    yield from itertools.cycle(made)


_RSA = _rsa_keys()


def _unpadded(secret: bytes) -> str:
    return secret.rstrip(b"\xff").decode("ascii", "replace")
