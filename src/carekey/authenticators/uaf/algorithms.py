"""Signature algorithms and public key encodings (sections 12.6, 12.7 and 13).

SM2 is left out (section 32) and RSA with SHA-1 refused; an algorithm that is not listed here is never accepted.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from carekey.authenticators.uaf import der
from carekey.authenticators.uaf.registry import KeyFormat, SignatureAlgorithm
from carekey.authenticators.uaf.status import Reason, UafError

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey

_RSA_BITS = range(2048, 4096 + 1)
_RSA_EXPONENTS = range(65537, 1 << 64)
"""Larger exponents are never useful and make one verification cost as much as a signature."""
_EC_BITS = 256
_RAW_MODULUS = 256


@dataclass(frozen=True, slots=True)
class _Ecdsa:
    curve: ec.EllipticCurve
    hash: hashes.HashAlgorithm
    der: bool = False


@dataclass(frozen=True, slots=True)
class _Rsa:
    pss: bool
    hash: hashes.HashAlgorithm
    der: bool = False


@dataclass(frozen=True, slots=True)
class _EdDsa:
    key: type[ed25519.Ed25519PublicKey | ed448.Ed448PublicKey]
    hash: hashes.HashAlgorithm


_P256, _P384, _P521, _K256 = ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()
_SHA256, _SHA384, _SHA512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()
_ECDSA = {each.name: ec.ECDSA(each) for each in (_SHA256, _SHA384, _SHA512)}

_ALGORITHMS: dict[int, _Ecdsa | _Rsa | _EdDsa] = {
    SignatureAlgorithm.SECP256R1_ECDSA_SHA256_RAW: _Ecdsa(_P256, _SHA256),
    SignatureAlgorithm.SECP256R1_ECDSA_SHA256_DER: _Ecdsa(_P256, _SHA256, der=True),
    SignatureAlgorithm.RSASSA_PSS_SHA256_RAW: _Rsa(True, _SHA256),
    SignatureAlgorithm.RSASSA_PSS_SHA256_DER: _Rsa(True, _SHA256, der=True),
    SignatureAlgorithm.SECP256K1_ECDSA_SHA256_RAW: _Ecdsa(_K256, _SHA256),
    SignatureAlgorithm.SECP256K1_ECDSA_SHA256_DER: _Ecdsa(_K256, _SHA256, der=True),
    SignatureAlgorithm.RSA_EMSA_PKCS1_SHA256_RAW: _Rsa(False, _SHA256),
    SignatureAlgorithm.RSA_EMSA_PKCS1_SHA256_DER: _Rsa(False, _SHA256, der=True),
    SignatureAlgorithm.RSASSA_PSS_SHA384_RAW: _Rsa(True, _SHA384),
    SignatureAlgorithm.RSASSA_PSS_SHA512_RAW: _Rsa(True, _SHA512),
    SignatureAlgorithm.RSASSA_PKCSV15_SHA256_RAW: _Rsa(False, _SHA256),
    SignatureAlgorithm.RSASSA_PKCSV15_SHA384_RAW: _Rsa(False, _SHA384),
    SignatureAlgorithm.RSASSA_PKCSV15_SHA512_RAW: _Rsa(False, _SHA512),
    SignatureAlgorithm.SECP384R1_ECDSA_SHA384_RAW: _Ecdsa(_P384, _SHA384),
    SignatureAlgorithm.SECP521R1_ECDSA_SHA512_RAW: _Ecdsa(_P521, _SHA512),
    SignatureAlgorithm.ED25519_EDDSA_SHA512_RAW: _EdDsa(ed25519.Ed25519PublicKey, _SHA512),
    SignatureAlgorithm.ED448_EDDSA_SHA512_RAW: _EdDsa(ed448.Ed448PublicKey, _SHA512),
}

SUPPORTED = frozenset(SignatureAlgorithm(number) for number in _ALGORITHMS)


def digest(algorithm: int, data: bytes) -> bytes:
    """The hash that belongs to a signature algorithm, as final challenge and transaction use it (section 6.1).

    Raises: UafError(ALGORITHM).
    """
    return hashlib.new(_known(algorithm).hash.name, data).digest()


def fits(algorithm: int, key: PublicKey) -> bool:
    """Whether a key of this type and curve can make signatures of this algorithm."""
    match _ALGORITHMS.get(algorithm):
        case _Ecdsa(curve):
            return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == curve.name
        case _Rsa():
            return isinstance(key, rsa.RSAPublicKey)
        case _EdDsa(kind):
            return isinstance(key, kind)
    return False


def verify(algorithm: int, key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature holds. The library hashes: `message` is what was signed, not its hash.

    Raises: UafError(ALGORITHM) if the algorithm is unknown or not one of this key's.
    """
    scheme = _known(algorithm)
    if not fits(algorithm, key):
        raise UafError(Reason.ALGORITHM, "the key is not of this algorithm")
    try:
        match scheme, key:
            case _Ecdsa(), ec.EllipticCurvePublicKey():
                key.verify(_ecdsa_der(scheme, signature), message, _ECDSA[scheme.hash.name])
            case _Rsa(), rsa.RSAPublicKey():
                bare = der.only(signature, der.OCTET_STRING) if scheme.der else signature
                key.verify(bare, message, _padding(scheme), scheme.hash)
            case _EdDsa(), ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, message)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def decode_key(format: int, data: bytes, algorithms: Iterable[int]) -> PublicKey:
    """A new user's key. A bare point does not name its curve, so it must lie on that of one of the `algorithms`.

    Raises: UafError(KEY) if the format is unknown, the key malformed, weak, or of none of the algorithms.
    """
    candidates = tuple(algorithms)
    try:
        match format:
            case KeyFormat.ECC_X962_RAW:
                key = _point(data, candidates)
            case KeyFormat.ECC_X962_DER:
                key = _spki(data)
                # Explicit curves and compressed points would not come out as they went in.
                if isinstance(key, rsa.RSAPublicKey) or encode_key(key) != data:
                    raise ValueError("not a key on a named curve, uncompressed")
            case KeyFormat.RSA_2048_RAW:
                modulus, exponent = data[:_RAW_MODULUS], data[_RAW_MODULUS:]
                key = rsa.RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus)).public_key()
            case KeyFormat.RSA_2048_DER:
                # SEQUENCE{n, e} by the standard, SubjectPublicKeyInfo from one vendor: told apart by structure.
                key = _spki(data)
                if not isinstance(key, rsa.RSAPublicKey):
                    raise UafError(Reason.KEY, "not an RSA key")
            case _:
                raise ValueError("unknown key format")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UafError(Reason.KEY, str(error) if type(error) is ValueError else "unsupported") from None
    if not strong(key) or not any(fits(algorithm, key) for algorithm in candidates):
        raise UafError(Reason.KEY, "weak, or of none of the model's algorithms")
    return key


def encode_key(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo: one form for every key, which also names the curve."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def load_key(spki: bytes) -> PublicKey:
    """The inverse of `encode_key`, for keys that were checked before. Raises: ValueError."""
    return _spki(spki)


def strong(key: PublicKey) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        exponent = key.public_numbers().e
        return key.key_size in _RSA_BITS and exponent in _RSA_EXPONENTS and exponent % 2 == 1
    return not isinstance(key, ec.EllipticCurvePublicKey) or key.key_size >= _EC_BITS


def _known(algorithm: int) -> _Ecdsa | _Rsa | _EdDsa:
    try:
        return _ALGORITHMS[algorithm]
    except KeyError:
        raise UafError(Reason.ALGORITHM, "unknown or refused") from None


def _point(data: bytes, algorithms: tuple[int, ...]) -> PublicKey:
    if data[:1] != b"\x04":
        raise ValueError("not an uncompressed point")
    for number in algorithms:
        scheme = _ALGORITHMS.get(number)
        if isinstance(scheme, _Ecdsa):
            try:
                return ec.EllipticCurvePublicKey.from_encoded_point(scheme.curve, data)
            except ValueError:
                continue
    raise ValueError("on none of the model's curves")


def _spki(data: bytes) -> PublicKey:
    key = serialization.load_der_public_key(data)
    if isinstance(key, PublicKey):
        return key
    raise ValueError("not a key of these algorithms")


def _padding(scheme: _Rsa) -> padding.AsymmetricPadding:
    if scheme.pss:
        return padding.PSS(mgf=padding.MGF1(scheme.hash), salt_length=scheme.hash.digest_size)
    return padding.PKCS1v15()


def _ecdsa_der(scheme: _Ecdsa, signature: bytes) -> bytes:
    size = (scheme.curve.key_size + 7) // 8
    if not scheme.der:
        if len(signature) != 2 * size:
            raise ValueError("wrong length")
        r, s = signature[:size], signature[size:]
    else:
        # Some authenticators leave out the zero before a set top bit; read unsigned, the numbers must verify anyway.
        match der.items(der.only(signature, der.SEQUENCE)):
            case [(der.INTEGER, r), (der.INTEGER, s)] if 1 <= len(r) <= size + 1 and 1 <= len(s) <= size + 1:
                pass
            case _:
                raise ValueError("not a pair of integers")
    return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
