"""Signed JWTs in compact form: strict reading, and verification against a set of keys (RFC 7515, RFC 7519).

Keys come from the caller alone. What a header says of keys (`jwk`, `jku`, `x5u`, `x5c`) is never looked at here, nothing
is critical to us, and the caller says which algorithms it allows.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from carekey.jose import base64url, certificates
from carekey.jose.algorithms import ASYMMETRIC, LARGEST_RSA, SIGNING, SMALLEST_RSA, SYMMETRIC, Verify

SIZE_LIMIT = 16 * 1024
"""Bytes. A token with every claim we know is under 3 kB."""
KEYS_LIMIT = 50
"""Keys of a set beyond this many are not looked at: each costs a verification when a token has no `kid`."""


PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Those of a JSON Web Key that nobody but its owner may know (RFC 7518 section 6)."""


class Flaw(StrEnum):
    """Why a token was refused."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    CRITICAL_HEADER = "critical_header"
    ALG_NOT_ALLOWED = "alg_not_allowed"
    UNKNOWN_KEY = "unknown_key"
    """No key of the set has this `kid` and algorithm; a set that is fetched may be out of date."""
    BAD_SIGNATURE = "bad_signature"


class InvalidJwt(Exception):
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.value)
        self.flaw = flaw


class InvalidKeySet(ValueError):
    """Not a JWK Set (RFC 7517 section 5)."""


class Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: Any = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token that was taken apart, and not yet believed."""

    header: Header
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes


_header = msgspec.json.Decoder(Header)
_claims = msgspec.json.Decoder(dict[str, Any])


def parse(
    token: str, *, limit: int = SIZE_LIMIT, read_header: Callable[[bytes], Header] = _header.decode
) -> Unverified:
    """Take a compact JWS with a JSON object for payload apart. `read_header`: for who wants to know more of it.

    Raises: InvalidJwt.
    """
    if len(token) > limit:
        raise InvalidJwt(Flaw.TOO_LARGE)
    try:
        raw = token.encode("ascii")
        signing_input, _, signature_part = raw.rpartition(b".")
        header_part, dot, payload_part = signing_input.partition(b".")
        if not dot or b"." in payload_part:
            raise InvalidJwt(Flaw.MALFORMED)
        header = read_header(base64url.decode(header_part))
        claims = _claims.decode(base64url.decode(payload_part))
        signature = base64url.decode(signature_part)
    except (ValueError, RecursionError):
        raise InvalidJwt(Flaw.MALFORMED) from None
    if header.crit is not msgspec.UNSET:
        raise InvalidJwt(Flaw.CRITICAL_HEADER)
    return Unverified(header, claims, signing_input, signature)


AnyKey = RSAKey | ECKey | OKPKey | OctKey


class KeySet:
    """Keys to verify with, sorted by the algorithms that each can be used with."""

    certificates: frozenset[str] = frozenset()
    """Thumbprints (`x5t#S256`) of the certificates that the set names, of every kind of key."""

    def __init__(self, keys: Iterable[tuple[str | None, AnyKey]], algs: Collection[str]) -> None:
        self._by_alg: dict[str, list[tuple[str | None, Verify]]] = {}
        self._size = 0
        for kid, key in keys:
            fitting = [alg for alg in algs if _fits(key, alg)]
            self._size += bool(fitting)
            for alg in fitting:
                self._by_alg.setdefault(alg, []).append((kid, _verifying(key, alg)))

    @classmethod
    def of_jwks(cls, jwks: Mapping[str, Any]) -> Self:
        """The signature keys of a JWK Set. Odd, weak, private-only and encryption keys are passed over, as RFC 7517
        section 5 asks. Raises: InvalidKeySet, if there is no list of keys at all."""
        entries = jwks.get("keys")
        if not isinstance(entries, list):
            raise InvalidKeySet
        keys = ((entry, cls._imported(entry)) for entry in entries[:KEYS_LIMIT])
        made = cls(((_kid(entry), key) for entry, key in keys if key is not None), ASYMMETRIC)
        made.certificates = frozenset(certificates.named(entries[:KEYS_LIMIT]))
        return made

    @classmethod
    def of_jwk(cls, jwk: Mapping[str, Any], alg: str) -> Self:
        """One public key for one algorithm; empty if the key is odd, weak, or of another kind."""
        key = cls._imported(jwk)
        return cls([] if key is None else [(None, key)], (alg,))

    @classmethod
    def of_secret(cls, secret: str) -> Self:
        """A client's secret (OpenID Connect Core section 10.1). Raises: ValueError, if it is none."""
        return cls([(None, OctKey.import_key(secret))], SYMMETRIC)

    @classmethod
    def _imported(cls, entry: Any) -> AnyKey | None:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            return None
        operations = entry.get("key_ops")
        if operations is not None and not (isinstance(operations, list) and "verify" in operations):
            return None
        # Of a private key published by mistake, only the public half.
        public = {name: entry[name] for name in _PUBLIC if name in entry}
        try:
            match public.get("kty"):
                case "RSA":
                    return RSAKey.import_key(public) if _strong(public) else None
                case "EC":
                    return ECKey.import_key(public)
                case "OKP" if public.get("crv") == "Ed25519":
                    return OKPKey.import_key(public)
                case _:
                    return None
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def candidates(self, header: Header) -> list[Verify]:
        """Every key that could have signed this: those of its `kid`, or all if it names none."""
        keys = self._by_alg.get(header.alg, ())
        return [verify for kid, verify in keys if header.kid is None or kid == header.kid]

    def __len__(self) -> int:
        return self._size


_PUBLIC = ("kty", "alg", "n", "e", "crv", "x", "y")


def _kid(entry: Mapping[str, Any]) -> str | None:
    kid = entry.get("kid")
    return kid if isinstance(kid, str) else None


def _strong(public: Mapping[str, Any]) -> bool:
    modulus = base64url.decode(public["n"].encode("ascii"))
    return SMALLEST_RSA <= int.from_bytes(modulus, "big").bit_length() <= LARGEST_RSA


def _fits(key: AnyKey, alg: str) -> bool:
    if key.alg is not None and key.alg != alg:
        return False
    try:
        JWSRegistry.algorithms[alg].check_key(key)
    except JoseError:
        return False
    return True


def _verifying(key: AnyKey, alg: str) -> Verify:
    if not isinstance(key, OctKey):
        return SIGNING[alg].verifying(key.public_key)
    algorithm = JWSRegistry.algorithms[alg]

    def verify(data: bytes, signature: bytes) -> None:
        if not algorithm.verify(data, signature, key):
            raise InvalidSignature

    return verify


def verify(token: Unverified, keys: KeySet, *, allowed: Collection[str]) -> Mapping[str, Any]:
    """The claims, once a key of the set has proven to have signed them.

    Whether they are in time and meant for us is for the caller to judge. Raises: InvalidJwt.
    """
    header = token.header
    if header.alg not in allowed:
        raise InvalidJwt(Flaw.ALG_NOT_ALLOWED)
    candidates = keys.candidates(header)
    if not candidates:
        raise InvalidJwt(Flaw.UNKNOWN_KEY)
    for verifies in candidates:
        try:
            verifies(token.signing_input, token.signature)
        except InvalidSignature:
            continue
        return token.claims
    raise InvalidJwt(Flaw.BAD_SIGNATURE)
