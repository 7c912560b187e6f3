"""Signed JWTs in compact form: strict reading, and verification against a set of keys (RFC 7515, RFC 7519).

Keys come from the caller alone. What a header says of keys (`jwk`, `jku`, `x5u`, `x5c`) is never looked at here, nothing
is critical to us, and the caller says which algorithms it allows.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from carekey.jose import base64url, certificates
from carekey.jose.algorithms import ASYMMETRIC, LARGEST_RSA, SMALLEST_RSA, SYMMETRIC

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


def parse(token: str, *, limit: int = SIZE_LIMIT) -> Unverified:
    """Take a compact JWS with a JSON object for payload apart. Raises: InvalidJwt."""
    if len(token) > limit:
        raise InvalidJwt(Flaw.TOO_LARGE)
    try:
        raw = token.encode("ascii")
        signing_input, _, signature_part = raw.rpartition(b".")
        header_part, dot, payload_part = signing_input.partition(b".")
        if not dot or b"." in payload_part:
            raise InvalidJwt(Flaw.MALFORMED)
        header = _header.decode(base64url.decode(header_part))
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
        self._by_alg: dict[str, list[tuple[str | None, AnyKey]]] = {}
        for kid, key in keys:
            for alg in algs:
                if _fits(key, alg):
                    self._by_alg.setdefault(alg, []).append((kid, key))

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

    def candidates(self, header: Header) -> list[AnyKey]:
        """Every key that could have signed this: those of its `kid`, or all if it names none."""
        keys = self._by_alg.get(header.alg, ())
        return [key for kid, key in keys if header.kid is None or kid == header.kid]

    def __len__(self) -> int:
        return len({id(key) for keys in self._by_alg.values() for _, key in keys})


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
    algorithm = JWSRegistry.algorithms[header.alg]
    for key in candidates:
        if algorithm.verify(token.signing_input, token.signature, key):
            return token.claims
    raise InvalidJwt(Flaw.BAD_SIGNATURE)
