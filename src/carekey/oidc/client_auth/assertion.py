"""The claims of a client assertion, whichever key signed it (RFC 7523 section 3; cis2-profile sections 2.8 and 2.17).

Not stricter than that: `typ`, `kid` and `iat` may be missing, the audience may be the issuer or the token endpoint,
alone or in a list, with or without the default port.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from carekey.jose.jwt import Flaw, Unverified
from carekey.kernel.ids import ClientId
from carekey.oidc import endpoints
from carekey.oidc.errors import InvalidAssertion, Reason
from carekey.oidc.model import Issuer

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST = 600
"""Seconds from `iat` to `exp`."""
SKEW = 60
"""Seconds that a client's clock may be wrong."""

_TYPS = frozenset({None, "jwt", "application/jwt", "client-authentication+jwt"})
_TAKE_ASSERTIONS = (endpoints.TOKEN, endpoints.PAR, endpoints.INTROSPECTION, endpoints.REVOCATION)
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}

REASONS: Mapping[Flaw, Reason] = {
    Flaw.TOO_LARGE: Reason.TOO_LARGE,
    Flaw.MALFORMED: Reason.ASSERTION_MALFORMED,
    Flaw.CRITICAL_HEADER: Reason.ASSERTION_MALFORMED,
    Flaw.ALG_NOT_ALLOWED: Reason.ASSERTION_ALG,
    Flaw.UNKNOWN_KEY: Reason.ASSERTION_UNKNOWN_KEY,
    Flaw.BAD_SIGNATURE: Reason.ASSERTION_SIGNATURE,
}


@dataclass(frozen=True, slots=True)
class Proven:
    """A good assertion, to be used up in the transaction that acts on it."""

    jti: str
    remember_until: datetime


def claimed_client(token: Unverified) -> ClientId:
    """Whose assertion it says it is: both `iss` and `sub`. Raises: InvalidAssertion."""
    subject = token.claims.get("sub")
    if not isinstance(subject, str) or subject != token.claims.get("iss") or not plain(subject):
        raise InvalidAssertion(reason=Reason.ASSERTION_ISSUER)
    return ClientId(subject)


def plain(text: str) -> bool:
    """Whether a text can be an identifier: short and printable. Databases choke on some that are not."""
    return 0 < len(text) <= 255 and text.isprintable()


def audiences(issuer: Issuer) -> frozenset[str]:
    """Everything that an assertion for this issuer may call it (RFC 9126 section 2 adds the third)."""
    named = [issuer.url, *(endpoints.address(issuer, one) for one in _TAKE_ASSERTIONS)]
    if issuer.api_host is not None:
        named += [endpoints.mtls_address(issuer, one) for one in _TAKE_ASSERTIONS]
    return frozenset(form for address in named for form in (address, *_with_and_without_port(address)))


def _with_and_without_port(address: str) -> tuple[str, str]:
    scheme, _, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    port = _DEFAULT_PORTS.get(scheme, "")
    bare = authority.removesuffix(port)
    explicit = bare if bare.rpartition("]")[2].count(":") else bare + port
    return f"{scheme}://{bare}{slash}{path}", f"{scheme}://{explicit}{slash}{path}"


def check(token: Unverified, *, audiences: Collection[str], now: datetime) -> Proven:
    """Judge everything about an assertion but its signature and its client. Raises: InvalidAssertion."""
    typ = token.header.typ
    if (typ if typ is None else typ.lower()) not in _TYPS:
        raise InvalidAssertion(reason=Reason.ASSERTION_TYP)
    claims = token.claims
    aud = claims.get("aud")
    named = aud if isinstance(aud, list) else [aud]
    if not any(isinstance(name, str) and name in audiences for name in named):
        raise InvalidAssertion(reason=Reason.ASSERTION_AUDIENCE)
    expires = _check_times(claims, now.timestamp())
    jti = claims.get("jti")
    if not isinstance(jti, str) or not plain(jti):
        raise InvalidAssertion(reason=Reason.ASSERTION_JTI)
    return Proven(jti, datetime.fromtimestamp(int(expires) + 1, UTC) + timedelta(seconds=SKEW))


def _check_times(claims: Mapping[str, Any], now: float) -> float:
    """`exp`, if the assertion is in time."""
    expires = _seconds(claims, "exp")
    if expires is None:
        raise InvalidAssertion(reason=Reason.ASSERTION_EXPIRED)
    issued = _seconds(claims, "iat")
    not_before = _seconds(claims, "nbf")
    if expires + SKEW <= now:
        raise InvalidAssertion(reason=Reason.ASSERTION_EXPIRED)
    if (expires - now > LONGEST + SKEW) or (issued is not None and expires - issued > LONGEST):
        raise InvalidAssertion(reason=Reason.ASSERTION_TOO_LONG)
    if any(moment is not None and moment > now + SKEW for moment in (issued, not_before)):
        raise InvalidAssertion(reason=Reason.ASSERTION_NOT_YET)
    return expires


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2). Raises: InvalidAssertion."""
    value = claims.get(name)
    if value is None:
        return None
    if type(value) not in {int, float} or not -1e11 < value < 1e11:
        raise InvalidAssertion(reason=Reason.ASSERTION_MALFORMED)
    return float(value)
