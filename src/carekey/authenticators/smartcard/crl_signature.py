"""The signature of a revocation list (RFC 5280 sections 5.1.1.2 and 5.1.1.3), over the bytes that came.

The library encodes a list anew to check it, and the event loop stands still meanwhile: 40 ms for 100,000 entries.
Hashing what came lets go of the interpreter's lock.
"""

import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

Key = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey


def holds(der: bytes, found: x509.CertificateRevocationList, key: Key) -> bool:
    """Whether the key signed it. `der`: what `found` was read from, and therefore sound DER.

    That the algorithm outside is the one that was signed the library has seen when it read it.

    Raises: UnsupportedAlgorithm.
    """
    begins, _ = _content(der, 0)
    _, ends = _content(der, begins)
    try:
        return _verify(memoryview(der)[begins:ends], found, key)
    except InvalidSignature:
        return False


def _verify(signed: memoryview, found: x509.CertificateRevocationList, key: Key) -> bool:
    """Raises: InvalidSignature, UnsupportedAlgorithm."""
    match key, found.signature_hash_algorithm, found.signature_algorithm_parameters:
        case rsa.RSAPublicKey(), hashes.HashAlgorithm() as by, padding.PKCS1v15() | padding.PSS() as padded:
            key.verify(found.signature, hashlib.new(by.name, signed).digest(), padded, Prehashed(by))
        case ec.EllipticCurvePublicKey(), hashes.HashAlgorithm() as by, ec.ECDSA():
            key.verify(found.signature, hashlib.new(by.name, signed).digest(), ec.ECDSA(Prehashed(by)))
        case ((ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey()), None, None):
            key.verify(found.signature, bytes(signed))
        case _:
            return False
    return True


def _content(der: bytes, start: int) -> tuple[int, int]:
    """Where the content of the element at `start` begins and ends."""
    length = der[start + 1]
    begins = start + 2
    if length >= 0x80:
        begins += length & 0x7F
        length = int.from_bytes(der[start + 2 : begins], "big")
    return begins, begins + length
