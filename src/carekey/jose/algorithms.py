"""Which signature algorithms we allow, and how each makes keys, signs and verifies (RFC 7518 section 3, RFC 8037, RFC 9864).

`none` is nowhere. HS* are in a set of their own, for `client_secret_jwt` alone, so that no public key can ever be
taken for a shared secret. Keys, ECDSA nonces and PSS salts are made by the cryptographic library itself: it must
not be handed randomness.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], None]
"""Takes the data and then its signature. Raises: InvalidSignature."""

SMALLEST_RSA = 2048
"""Bits (RFC 7518 section 3.3)."""
LARGEST_RSA = 8192
"""Bits. A larger key of a client's would make us work for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    name: str
    generate: Callable[[], PrivateKey]
    signing: Callable[[Any], Sign]
    """From a private key of this algorithm to what signs with it; what can be prepared once is."""
    verifying: Callable[[Any], Verify]
    """The same from a public key."""
    digest: str
    """hashlib's name of the hash behind `at_hash` and `c_hash` (OpenID Connect Core section 3.1.3.6)."""


def _rsa(name: str, hash: hashes.HashAlgorithm, *, pss: bool) -> Algorithm:
    scheme = padding.PSS(padding.MGF1(hash), hash.digest_size) if pss else padding.PKCS1v15()

    def signing(key: rsa.RSAPrivateKey) -> Sign:
        return lambda data: key.sign(data, scheme, hash)

    def verifying(key: rsa.RSAPublicKey) -> Verify:
        return lambda data, signature: key.verify(signature, data, scheme, hash)

    # 3072 bits would sign three times slower; 2048 is what CIS2's clients expect.
    return Algorithm(
        name=name,
        generate=lambda: rsa.generate_private_key(65537, SMALLEST_RSA),
        signing=signing,
        verifying=verifying,
        digest=hash.name,
    )


def _ecdsa(name: str, curve: ec.EllipticCurve, hash: hashes.HashAlgorithm) -> Algorithm:
    scheme = ec.ECDSA(hash)
    size = (curve.key_size + 7) // 8

    def signing(key: ec.EllipticCurvePrivateKey) -> Sign:
        def sign(data: bytes) -> bytes:
            r, s = decode_dss_signature(key.sign(data, scheme))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")

        return sign

    def verifying(key: ec.EllipticCurvePublicKey) -> Verify:
        def verify(data: bytes, signature: bytes) -> None:
            if len(signature) != 2 * size:
                raise InvalidSignature
            r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
            key.verify(encode_dss_signature(r, s), data, scheme)

        return verify

    return Algorithm(
        name=name,
        generate=lambda: ec.generate_private_key(curve),
        signing=signing,
        verifying=verifying,
        digest=hash.name,
    )


def _ed25519(name: str) -> Algorithm:
    return Algorithm(
        name=name,
        generate=ed25519.Ed25519PrivateKey.generate,
        signing=lambda key: key.sign,
        verifying=lambda key: lambda data, signature: key.verify(signature, data),
        digest="sha512",
    )


SIGNING: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        _rsa("RS256", hashes.SHA256(), pss=False),
        _rsa("RS384", hashes.SHA384(), pss=False),
        _rsa("RS512", hashes.SHA512(), pss=False),
        _rsa("PS256", hashes.SHA256(), pss=True),
        _rsa("PS384", hashes.SHA384(), pss=True),
        _rsa("PS512", hashes.SHA512(), pss=True),
        _ecdsa("ES256", ec.SECP256R1(), hashes.SHA256()),
        _ecdsa("ES384", ec.SECP384R1(), hashes.SHA384()),
        _ecdsa("ES512", ec.SECP521R1(), hashes.SHA512()),
        _ed25519("EdDSA"),
        _ed25519("Ed25519"),
    )
}
"""What we sign with and accept, in the order in which discovery lists it."""

ASYMMETRIC = frozenset(SIGNING)
SYMMETRIC = frozenset({"HS256", "HS384", "HS512"})


def left_half_digest(alg: str, text: str) -> bytes:
    """The left half of the hash that belongs to `alg` (OpenID Connect Core section 3.1.3.6)."""
    digest = hashlib.new(SIGNING[alg].digest, text.encode(), usedforsecurity=True).digest()
    return digest[: len(digest) // 2]
