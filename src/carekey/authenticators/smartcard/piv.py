"""PIV cards: what is said to them, and how their answers read (NIST SP 800-73-4, parts 1 and 2). Pure.

Commands are short and chained where they are long, which every PIV card understands.
"""

import hmac
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

APPLICATION = bytes.fromhex("a00000030800001000")
"""Without the version, of which a card has one (part 1 section 2.2)."""
RSA_2048, ECC_P256, ECC_P384 = 0x07, 0x11, 0x14
"""Algorithms (SP 800-78-4 table 6-2); of these three GENERATE ASYMMETRIC KEY PAIR has the same names."""
PIN, MANAGEMENT_KEY = 0x80, 0x9B

HOLDER = bytes.fromhex("5fc102")
"""The data object that names the card: its Card Holder Unique Identifier (CHUID)."""
CERTIFICATES: Mapping[int, bytes] = {0x9A: bytes.fromhex("5fc105"), 0x9C: bytes.fromhex("5fc10a")}
"""The keys for logging in and for signatures, with the data objects of their certificates (part 1 section 4)."""

DONE, WRONG_PIN, BLOCKED = 0x9000, 0x63C0, 0x6983
NO_OBJECT, REFUSED, WRONG_DATA = 0x6A82, 0x6982, 0x6A80


class Unreadable(Exception):
    """No PIV card answers so."""


def select() -> Sequence[bytes]:
    return _commands(0xA4, 0x04, 0x00, APPLICATION)


def get_data(name: bytes) -> Sequence[bytes]:
    return _commands(0xCB, 0x3F, 0xFF, tlv(0x5C, name))


def put_data(name: bytes, content: bytes) -> Sequence[bytes]:
    return _commands(0xDB, 0x3F, 0xFF, tlv(0x5C, name) + tlv(0x53, content), answers=False)


def verify(pin: bytes) -> Sequence[bytes]:
    """With no PIN it asks how many tries are left, and spends none."""
    return _commands(0x20, 0x00, PIN, pin, answers=False)


def reset_retry_counter(puk: bytes, new_pin: bytes) -> Sequence[bytes]:
    return _commands(0x2C, 0x00, PIN, puk + new_pin, answers=False)


def generate(key: int, algorithm: int) -> Sequence[bytes]:
    """A pair under this reference, in place of any other. The private key never leaves the card."""
    return _commands(0x47, 0x00, key, tlv(0xAC, tlv(0x80, bytes([algorithm]))))


def sign(key: int, algorithm: int, block: bytes) -> Sequence[bytes]:
    """`block`: for RSA padded already, for a curve the hash (part 2 appendix A.4)."""
    return _commands(0x87, algorithm, key, tlv(0x7C, tlv(0x82, b"") + tlv(0x81, block)))


def get_response(size: int) -> bytes:
    """The rest of an answer; 0 is 256 bytes or more."""
    return bytes([0x00, 0xC0, 0x00, 0x00, size])


def padded_pin(pin: str) -> bytes | None:
    """Six to eight digits (part 2 section 2.4.3); None for anything else."""
    return pin.encode().ljust(8, b"\xff") if pin.isascii() and pin.isdigit() and 6 <= len(pin) <= 8 else None


def padded_puk(puk: str) -> bytes | None:
    """Eight characters; some makers take fewer, and fill them up as PINs."""
    return puk.encode().ljust(8, b"\xff") if puk.isascii() and 6 <= len(puk) <= 8 else None


@dataclass(frozen=True, slots=True)
class ManagementKey:
    """Opens the card for writing. Card and reader prove to each other that they have it (part 2 appendix A.1)."""

    algorithm: int
    _value: bytes

    def __repr__(self) -> str:
        return f"ManagementKey({self.algorithm:#04x}, ***)"

    @property
    def block_size(self) -> int:
        return 8 if self.algorithm == _TRIPLE_DES else 16

    def ask_witness(self) -> Sequence[bytes]:
        return _commands(0x87, self.algorithm, MANAGEMENT_KEY, tlv(0x7C, tlv(0x80, b"")))

    def show_witness(self, answer: bytes, challenge: bytes) -> Sequence[bytes]:
        """Decrypts what the card asked, and asks it in turn. Raises: Unreadable."""
        asked = read_tlv(read_tlv(answer).get(0x7C, b"")).get(0x80, b"")
        if len(asked) != self.block_size:
            raise Unreadable
        inner = Cipher(self._cipher(), modes.ECB()).decryptor()  # noqa: S305 (one block, as the standard says)
        shown = tlv(0x80, inner.update(asked)) + tlv(0x81, challenge) + tlv(0x82, b"")
        return _commands(0x87, self.algorithm, MANAGEMENT_KEY, tlv(0x7C, shown))

    def proven(self, answer: bytes, challenge: bytes) -> bool:
        """Whether the card has the key too. Raises: Unreadable."""
        inner = Cipher(self._cipher(), modes.ECB()).encryptor()  # noqa: S305 (as above)
        shown = read_tlv(read_tlv(answer).get(0x7C, b"")).get(0x82, b"")
        return hmac.compare_digest(shown, inner.update(challenge))

    def _cipher(self) -> TripleDES | AES:
        return TripleDES(self._value) if self.algorithm == _TRIPLE_DES else AES(self._value)


_TRIPLE_DES = 0x03
_ALGORITHMS = {16: (0x08,), 24: (0x0A, _TRIPLE_DES), 32: (0x0C,)}
"""By a key's length: AES, and Triple DES, which older cards have (SP 800-78-4 table 6-2)."""


def management_keys(text: str) -> Sequence[ManagementKey]:
    """What a key in hexadecimal may be: a card says which by refusing the others. Empty for anything else."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return ()
    return [ManagementKey(algorithm, value) for algorithm in _ALGORITHMS.get(len(value), ())]


def public_key(answer: bytes) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    """What `generate` answers. Raises: Unreadable."""
    found = read_tlv(read_tlv(answer).get(0x7F49, b""))
    try:
        if (point := found.get(0x86)) is not None:
            return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[len(point)], point)
        return rsa.RSAPublicNumbers(int.from_bytes(found[0x82], "big"), int.from_bytes(found[0x81], "big")).public_key()
    except (KeyError, ValueError):
        raise Unreadable from None


_CURVES: Mapping[int, ec.EllipticCurve] = {65: ec.SECP256R1(), 97: ec.SECP384R1()}
"""By the length of a point on it."""


def signature(answer: bytes) -> bytes:
    """What `sign` answers; of a curve as X.509 has it. Raises: Unreadable."""
    return read_tlv(read_tlv(answer).get(0x7C, b"")).get(0x82, b"")


def certificate_object(der: bytes) -> bytes:
    """Uncompressed; the code at the end is empty (part 1 appendix A)."""
    return tlv(0x70, der) + tlv(0x71, b"\x00") + tlv(0xFE, b"")


def certificate(answer: bytes) -> bytes | None:
    """The certificate in a data object, DER; None in an empty one. Raises: Unreadable."""
    found = read_tlv(read_tlv(answer).get(0x53, b""))
    der = found.get(0x70, b"")
    if found.get(0x71, b"\x00")[:1] == b"\x01":
        try:
            der = zlib.decompressobj(wbits=31).decompress(der, _LONGEST)
        except zlib.error:
            raise Unreadable from None
    return der or None


_LONGEST = 16384


def holder_object(guid: bytes) -> bytes:
    """A CHUID for a card whose number is its GUID (part 1 section 3.1.2): agency 9999, no end, not signed."""
    return tlv(0x30, _NO_AGENCY) + tlv(0x34, guid) + tlv(0x35, b"99991231") + tlv(0x3E, b"") + tlv(0xFE, b"")


def guid(answer: bytes) -> bytes | None:
    """The number in a CHUID; None if it has none. Raises: Unreadable."""
    found = read_tlv(read_tlv(answer).get(0x53, b"")).get(0x34, b"")
    return found if any(found) else None


_NO_AGENCY = bytes.fromhex("d4e739da739ced39ce739d836858210842108421c84210c3eb")
"""FASC-N of agency 9999, system 9999, credential 999999."""


def tlv(tag: int, value: bytes) -> bytes:
    """BER-TLV (ISO/IEC 7816-4 section 5.2.2)."""
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = b"\x82" + size.to_bytes(2, "big")
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big") + length + value


def read_tlv(data: bytes) -> Mapping[int, bytes]:
    """Raises: Unreadable."""
    found: dict[int, bytes] = {}
    at = 0
    try:
        while at < len(data):
            tag, at = data[at], at + 1
            if tag & 0x1F == 0x1F:
                tag, at = tag << 8 | data[at], at + 1
            size, at = data[at], at + 1
            if size & 0x80:
                count = size & 0x7F
                size, at = int.from_bytes(data[at : at + count], "big"), at + count
            if size > len(data) - at:
                raise Unreadable
            found[tag] = data[at : at + size]
            at += size
    except IndexError:
        raise Unreadable from None
    return found


def _commands(ins: int, p1: int, p2: int, data: bytes, *, answers: bool = True) -> Sequence[bytes]:
    """A command, or the chain that it is sent as (ISO/IEC 7816-4 section 5.1.1). `answers`: it brings back data."""
    *before, last = [data[at : at + 255] for at in range(0, len(data), 255)] or [b""]
    chain = [bytes([0x10, ins, p1, p2, len(part)]) + part for part in before]
    body = bytes([len(last)]) + last if last else b""
    return [*chain, bytes([0x00, ins, p1, p2]) + body + (b"\x00" if answers else b"")]
