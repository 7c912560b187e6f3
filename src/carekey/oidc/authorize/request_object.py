"""Signed request objects: what one must say of itself, and what parameters it brings. Pure.

Only what is signed counts: parameters beside the object are passed over, so that nobody on the way can add one
(RFC 9101 section 6.3). A client assertion is no request object and the reverse, though one key signs both: the `typ`
says which, and a `sub` that is the client is refused (RFC 9101 section 10.8).

Source: RFC 9101; OpenID Connect Core section 6; FAPI 2.0 Message Signing section 5.3.1.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from carekey.jose import jwt
from carekey.jose.algorithms import ASYMMETRIC
from carekey.jose.jwt import Flaw, InvalidJwt, KeySet, Unverified
from carekey.oidc.authorize.errors import InvalidRequestObject, Reason
from carekey.oidc.model import Client
from carekey.oidc.profiles import Profile

SKEW = 60
"""Seconds that a client's clock may be wrong."""
LONGEST = 3600
"""Seconds from `nbf` to `exp`, and from `nbf` to now, where the profile sets bounds."""

_TYPS = frozenset({None, "jwt", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"})
_REASONS: Mapping[Flaw, Reason] = {
    Flaw.TOO_LARGE: Reason.TOO_LARGE,
    Flaw.MALFORMED: Reason.OBJECT_MALFORMED,
    Flaw.CRITICAL_HEADER: Reason.OBJECT_MALFORMED,
    Flaw.ALG_NOT_ALLOWED: Reason.OBJECT_ALG,
    Flaw.UNKNOWN_KEY: Reason.OBJECT_UNKNOWN_KEY,
    Flaw.BAD_SIGNATURE: Reason.OBJECT_SIGNATURE,
}
_ABOUT_ITSELF = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})
"""Claims that are no parameters (RFC 7519 section 4.1)."""


def parse(text: str) -> Unverified:
    """Raises: InvalidRequestObject; encrypted ones, which have five parts, among them."""
    try:
        return jwt.parse(text)
    except InvalidJwt as error:
        raise InvalidRequestObject(reason=_REASONS[error.flaw]) from None


def verify(token: Unverified, keys: KeySet, client: Client, demands: Profile) -> None:
    """Raises: InvalidRequestObject."""
    registered = demands.algs if client.request_object_alg is None else {client.request_object_alg}
    try:
        jwt.verify(token, keys, allowed=ASYMMETRIC & demands.algs & registered)
    except InvalidJwt as error:
        raise InvalidRequestObject(reason=_REASONS[error.flaw]) from None


def check(token: Unverified, client: Client, demands: Profile, *, audiences: Collection[str], now: datetime) -> None:
    """Everything but the signature. `audiences`: the names that the issuer goes by. Raises: InvalidRequestObject."""
    typ = token.header.typ
    if (typ if typ is None else typ.lower()) not in _TYPS:
        raise InvalidRequestObject(reason=Reason.OBJECT_TYP)
    claims = token.claims
    if "request" in claims or "request_uri" in claims:
        raise InvalidRequestObject(reason=Reason.OBJECT_NESTED)
    if claims.get("client_id") != client.id:
        raise InvalidRequestObject(reason=Reason.OBJECT_CLIENT)
    if claims.get("iss", client.id) != client.id:
        raise InvalidRequestObject(reason=Reason.OBJECT_ISSUER)
    if claims.get("sub") == client.id:
        raise InvalidRequestObject(reason=Reason.OBJECT_SUBJECT)
    aud = claims.get("aud")
    named = aud if isinstance(aud, list) else [aud]
    if (aud is not None or demands.require_signed_request) and not any(
        isinstance(name, str) and name in audiences for name in named
    ):
        raise InvalidRequestObject(reason=Reason.OBJECT_AUDIENCE)
    _check_times(claims, now.timestamp(), bounded=demands.require_signed_request)


def _check_times(claims: Mapping[str, Any], now: float, *, bounded: bool) -> None:
    expires, not_before, issued = (_seconds(claims, name) for name in ("exp", "nbf", "iat"))
    late = expires is not None and expires + SKEW <= now
    early = any(moment is not None and moment > now + SKEW for moment in (not_before, issued))
    if late or early:
        raise InvalidRequestObject(reason=Reason.OBJECT_TIMES)
    if bounded and (
        expires is None or not_before is None or expires - not_before > LONGEST or now - not_before > LONGEST + SKEW
    ):
        raise InvalidRequestObject(reason=Reason.OBJECT_TIMES)


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if type(value) not in {int, float} or not -1e11 < value < 1e11:
        raise InvalidRequestObject(reason=Reason.OBJECT_TIMES)
    return float(value)


def parameters(token: Unverified, known: Collection[str]) -> dict[str, str]:
    """The parameters that an object brings, as a query would have them: numbers in digits, JSON as JSON.

    Raises: InvalidRequestObject, if one that we know is of a type that it cannot have.
    """
    found: dict[str, str] = {}
    for name, value in token.claims.items():
        if name in _ABOUT_ITSELF or name not in known:
            continue
        match value:
            case str() if "\0" not in value:
                found[name] = value
            case dict() | list() if name in _JSON:
                found[name] = msgspec.json.encode(value).decode()
            case int() if name in _NUMBERS and not isinstance(value, bool):
                found[name] = str(value)
            case _:
                raise InvalidRequestObject(reason=Reason.OBJECT_VALUE)
    return found


_NUMBERS = frozenset({"max_age", "requested_expiry"})
_JSON = frozenset({"claims", "authorization_details", "registration"})
