"""A DPoP proof, checked in the order of RFC 9449 section 4.3. Pure; that it is used once is the store's to say."""

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec

from carekey.jose import base64url, jwt, thumbprint
from carekey.jose.algorithms import ASYMMETRIC
from carekey.jose.jwt import PRIVATE_MEMBERS, Flaw, InvalidJwt, KeySet, Unverified
from carekey.oidc.errors import InvalidDpopProof, Reason, UseDpopNonce

TYPE = "dpop+jwt"
LIMIT = 8 * 1024
"""Bytes. One with the largest key that we take has 4 kB."""
WINDOW = timedelta(seconds=60)
"""How far `iat` may be from our clock, both ways (section 11.1; FAPI 2.0 Security Profile section 5.3.2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A good proof, to be used up in the transaction that acts on it."""

    jkt: str
    """Thumbprint of its key (RFC 7638)."""
    alg: str
    digest: bytes
    """Of what may come once: this `jti` of this key at this address (section 11.1)."""
    remember_until: datetime


class _Header(jwt.Header, frozen=True, kw_only=True):
    jwk: dict[str, Any]


_header = msgspec.json.Decoder(_Header)


def check(
    values: Collection[str],
    *,
    method: str,
    address: str,
    algs: Collection[str],
    now: datetime,
    nonce: Callable[[str | None], bool] | None = None,
    access_token: str | None = None,
) -> Proof:
    """`values`: of the request's DPoP headers, at least one. `nonce`: whether one is good; None if none is asked for.
    `access_token`: that which the request uses. That the token is bound to the proof's key is checked elsewhere.

    Raises: InvalidDpopProof, UseDpopNonce.
    """
    if len(values) != 1:
        raise InvalidDpopProof(reason=Reason.DPOP_SEVERAL)  # 1
    token, jwk = _taken_apart(*values)  # 2
    claims = token.claims
    jti, htm, htu, issued_at = _required(claims)  # 3
    if token.header.typ != TYPE:
        raise InvalidDpopProof(reason=Reason.DPOP_TYP)  # 4
    jkt = _verified(token, jwk, algs)  # 5, 6
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise InvalidDpopProof(reason=Reason.DPOP_PRIVATE_KEY)  # 7
    if htm != method:
        raise InvalidDpopProof(reason=Reason.DPOP_METHOD)  # 8
    if normal(htu) != normal(address):
        raise InvalidDpopProof(reason=Reason.DPOP_ADDRESS)  # 9
    if nonce is not None and not nonce(_text(claims, "nonce")):
        raise UseDpopNonce(reason=Reason.DPOP_NONCE)  # 10
    if abs(issued_at - now) > WINDOW:
        raise InvalidDpopProof(reason=Reason.DPOP_TIME)  # 11
    if access_token is not None and not hmac.compare_digest(_text(claims, "ath") or "", hash_of(access_token)):
        raise InvalidDpopProof(reason=Reason.DPOP_TOKEN)  # 12
    once = "\0".join((normal(address) or "", jkt, jti)).encode("utf-8", "surrogatepass")
    return Proof(
        jkt=jkt,
        alg=token.header.alg,
        digest=hashlib.sha256(once).digest(),
        remember_until=issued_at + WINDOW + timedelta(seconds=1),
    )


def hash_of(access_token: str) -> str:
    """`ath` (section 4.2)."""
    return base64url.encode(hashlib.sha256(access_token.encode()).digest()).decode("ascii")


def _taken_apart(text: str) -> tuple[Unverified, Mapping[str, Any]]:
    try:
        token = jwt.parse(text, limit=LIMIT, read_header=_header.decode)
    except InvalidJwt:
        raise InvalidDpopProof(reason=Reason.DPOP_MALFORMED) from None
    assert isinstance(token.header, _Header)
    return token, token.header.jwk


def _required(claims: Mapping[str, Any]) -> tuple[str, str, str, datetime]:
    jti, htm, htu = (_text(claims, name) for name in ("jti", "htm", "htu"))
    iat = claims.get("iat", -1)
    if not jti or htm is None or htu is None or type(iat) not in {int, float} or not 0 <= iat < 1e11:
        raise InvalidDpopProof(reason=Reason.DPOP_MALFORMED)
    return jti, htm, htu, datetime.fromtimestamp(iat, UTC)


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and (name == "jti" or value.isascii()) else None


def _verified(token: Unverified, jwk: Mapping[str, Any], algs: Collection[str]) -> str:
    """The thumbprint of the key, which is the header's own and which it was signed with."""
    alg = token.header.alg
    if alg not in ASYMMETRIC or alg not in algs:
        raise InvalidDpopProof(reason=Reason.DPOP_ALG)
    try:
        keys, jkt = _key(msgspec.json.encode(thumbprint.required_members(jwk)), alg)
        jwt.verify(Unverified(jwt.Header(alg), {}, token.signing_input, token.signature), keys, allowed=(alg,))
    except InvalidJwt as error:
        reason = Reason.DPOP_SIGNATURE if error.flaw is Flaw.BAD_SIGNATURE else Reason.DPOP_KEY
        raise InvalidDpopProof(reason=reason) from None
    except ValueError:
        raise InvalidDpopProof(reason=Reason.DPOP_KEY) from None
    return jkt


@lru_cache(maxsize=1024)
def _key(members: bytes, alg: str) -> tuple[KeySet, str]:
    """A client proves with the same key for as long as its tokens live: to take it apart once is enough."""
    jwk = msgspec.json.decode(members, type=dict[str, str])
    return KeySet.of_jwk(jwk, alg), thumbprint.of(jwk)


_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


@lru_cache(maxsize=256)
def normal(address: str) -> str | None:
    """Without query and fragment, in the form that equal addresses share (RFC 3986 sections 6.2.2 and 6.2.3): the
    issuer may be written with `:443`, which clients drop. None if it is no address of the web."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    port = _DEFAULT_PORTS.get(parts.scheme)
    if port is None or not parts.hostname or any(char.isspace() for char in address):
        return None
    authority = parts.netloc.lower().removesuffix(port).removesuffix(":")
    path = _ENCODED.sub(_normal_byte, parts.path)
    return f"{parts.scheme}://{authority}{_without_dots(path) or '/'}"


def _normal_byte(match: re.Match[str]) -> str:
    char = chr(int(match.group(1), 16))
    return char if _UNRESERVED.fullmatch(char) else match.group().upper()


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4, for absolute paths."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            kept[1:] = kept[1:-1]
        elif segment != ".":
            kept.append(segment)
    return "/".join([*kept, ""] if segments[-1] in {".", ".."} else kept)
