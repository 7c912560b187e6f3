"""A key that stays on its card or token, as the X.509 library sees it: only the signature comes out."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NoReturn, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding


class Kind(StrEnum):
    """What cards make (NIST SP 800-78)."""

    RSA_2048 = "rsa-2048"
    P_256 = "p-256"
    P_384 = "p-384"


class _Hidden:
    """What would need the key itself raises NotImplementedError, as the library wants it of keys that cannot."""

    def private_numbers(self) -> NoReturn:
        raise NotImplementedError

    def private_bytes(self, *_: Any) -> NoReturn:
        raise NotImplementedError

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class HiddenKey(_Hidden, rsa.RSAPrivateKey):
    """`sign`: what it is given, with PKCS #1 v1.5 and SHA-256."""

    def __init__(self, sign: Callable[[bytes], bytes], public: rsa.RSAPublicKey) -> None:
        self._sign = sign
        self._public = public

    def sign(self, data: Any, padding: AsymmetricPadding, algorithm: Any) -> bytes:
        if not isinstance(padding, _PKCS1v15) or not isinstance(algorithm, hashes.SHA256):
            raise NotImplementedError("this key signs with PKCS #1 v1.5 and SHA-256")
        return self._sign(bytes(data))

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def decrypt(self, ciphertext: Any, padding: AsymmetricPadding) -> NoReturn:
        raise NotImplementedError


class HiddenCurveKey(_Hidden, ec.EllipticCurvePrivateKey):
    """`sign`: a hash, into an ECDSA signature as X.509 has it (RFC 3279 section 2.2.3)."""

    def __init__(self, sign: Callable[[bytes], bytes], public: ec.EllipticCurvePublicKey) -> None:
        self._sign = sign
        self._public = public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        chosen = signature_algorithm.algorithm
        assert isinstance(chosen, hashes.HashAlgorithm), "nobody gives it a hash in place of what is to be signed"
        made = hashes.Hash(chosen)
        made.update(bytes(data))
        return self._sign(made.finalize())

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        raise NotImplementedError


OnCard = HiddenKey | HiddenCurveKey


def hash_for(key: object) -> hashes.SHA256 | hashes.SHA384:
    """What goes with it (SP 800-78 table 3): SHA-384 with P-384, SHA-256 with all else."""
    wide = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1)
    return hashes.SHA384() if wide else hashes.SHA256()


def belong_together(key: OnCard, certified: object) -> bool:
    """Whether what the key signs holds under this public key. It signs once."""
    try:
        if isinstance(key, HiddenKey) and isinstance(certified, rsa.RSAPublicKey):
            certified.verify(key.sign(_TEXT, _PKCS1v15(), _SHA256), _TEXT, _PKCS1v15(), _SHA256)
            return True
        if isinstance(key, HiddenCurveKey) and isinstance(certified, ec.EllipticCurvePublicKey):
            how = ec.ECDSA(hash_for(key))
            certified.verify(key.sign(_TEXT, how), _TEXT, how)
            return True
    except InvalidSignature:
        return False
    return False


_PKCS1v15 = padding.PKCS1v15
_SHA256 = hashes.SHA256()
_TEXT = b"carekey"
