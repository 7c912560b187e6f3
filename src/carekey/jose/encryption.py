"""Encryption in compact form (RFC 7516), and which algorithms of it we allow (RFC 7518 sections 4 and 5).

RSA1_5 is nowhere: its padding can be asked out of us (RFC 8725 section 3.2). Compression is refused before anything
is decrypted: a short text could become one without end, and its length tells of what is in it (section 3.6). Keys
come from the caller alone, as in `jwt.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from carekey.jose import base64url
from carekey.jose.algorithms import LARGEST_RSA, SMALLEST_RSA
from carekey.jose.jwt import KEYS_LIMIT, Flaw, InvalidJwt

RSA = ("RSA-OAEP-256", "RSA-OAEP")
ECDH = ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
ALGS = (*RSA, *ECDH)
"""How the content key reaches the reader, in the order in which discovery lists it."""
ENCS = ("A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM")
DEFAULT_ENC = "A128CBC-HS256"
"""If a client names an `alg` alone (OpenID Connect Registration section 2)."""
SIZE_LIMIT = 24 * 1024
"""Characters: a signed JWT of the greatest size, encrypted."""

OWN_KEYS: Mapping[str, Callable[[], rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]] = {
    "RSA-OAEP-256": lambda: rsa.generate_private_key(65537, SMALLEST_RSA),
    "ECDH-ES": lambda: ec.generate_private_key(ec.SECP256R1()),
}
"""Keys that we make so that others can encrypt to us. Each serves every algorithm of its family."""

EncryptionKey = RSAKey | ECKey | OKPKey
_HEADERS = frozenset({"alg", "enc", "kid", "typ", "cty", "epk", "apu", "apv"})


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key to encrypt to, for one algorithm."""

    alg: str
    kid: str | None
    key: EncryptionKey


class Recipients:
    """The encryption keys of a JWK Set."""

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        """Odd, weak and signature keys are passed over. Keys that say `enc` come before those that say nothing."""
        entries = jwks.get("keys")
        keys = [entry for entry in entries[:KEYS_LIMIT] if isinstance(entry, dict)] if isinstance(entries, list) else []
        keys = [entry for entry in keys if entry.get("use", "enc") == "enc" and "key_ops" not in entry]
        keys.sort(key=lambda entry: "use" not in entry)
        self._keys = [(entry, key) for entry in keys if (key := _imported(entry)) is not None]

    def find(self, alg: str) -> Recipient | None:
        for entry, key in self._keys:
            if entry.get("alg", alg) == alg and _fits(key, alg):
                kid = entry.get("kid")
                return Recipient(alg, kid if isinstance(kid, str) else None, key)
        return None

    def __len__(self) -> int:
        return len(self._keys)


def _imported(entry: Mapping[str, Any]) -> EncryptionKey | None:
    public = {name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in entry}
    try:
        match public.get("kty"):
            case "RSA":
                size = int.from_bytes(base64url.decode(public["n"].encode("ascii")), "big").bit_length()
                return RSAKey.import_key(public) if SMALLEST_RSA <= size <= LARGEST_RSA else None
            case "EC" if public.get("crv") in {"P-256", "P-384", "P-521"}:
                return ECKey.import_key(public)
            case "OKP" if public.get("crv") == "X25519":
                return OKPKey.import_key(public)
            case _:
                return None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _fits(key: EncryptionKey, alg: str) -> bool:
    return alg in (RSA if isinstance(key, RSAKey) else ECDH)


def encrypt(text: str, to: Recipient, *, enc: str, cty: str | None = "JWT") -> str:
    """`cty`: of what is inside; “JWT” for one that is signed (RFC 7519 section 5.2)."""
    header = {"alg": to.alg, "enc": enc, "kid": to.kid, "cty": cty}
    header = {name: value for name, value in header.items() if value is not None}
    return jwe.encrypt_compact(header, text.encode(), to.key, algorithms=[to.alg, enc])


def is_encrypted(token: str) -> bool:
    """Whether it has the five parts of a JWE, and not the three of a JWS."""
    return token.count(".") == 4


def decrypt(token: str, keys: Iterable[tuple[str, EncryptionKey]]) -> str:
    """What somebody encrypted to one of our keys, by their ids. Raises: InvalidJwt, and says no more of why a
    text does not open than that it does not."""
    if len(token) > SIZE_LIMIT:
        raise InvalidJwt(Flaw.TOO_LARGE)
    try:
        raw = token.encode("ascii")
        header: dict[str, Any] = msgspec.json.decode(base64url.decode(raw.partition(b".")[0]), type=dict[str, Any])
    except (ValueError, RecursionError):
        raise InvalidJwt(Flaw.MALFORMED) from None
    if not header.keys() <= _HEADERS:  # `zip` and `crit` among what is not
        raise InvalidJwt(Flaw.CRITICAL_HEADER)
    alg, enc, kid = header.get("alg"), header.get("enc"), header.get("kid")
    if alg not in ALGS or enc not in ENCS:
        raise InvalidJwt(Flaw.ALG_NOT_ALLOWED)
    candidates = [key for id, key in keys if kid in {None, id} and _fits(key, alg)] if _hashable(kid) else []
    if not candidates:
        raise InvalidJwt(Flaw.UNKNOWN_KEY)
    for key in candidates:
        try:
            plain = jwe.decrypt_compact(raw, key, algorithms=[alg, enc]).plaintext
            return (plain or b"").decode("ascii")
        except (JoseError, InvalidTag, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            continue
    raise InvalidJwt(Flaw.BAD_SIGNATURE)


def _hashable(kid: Any) -> bool:
    return kid is None or isinstance(kid, str)
