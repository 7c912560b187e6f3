"""Software statements: what somebody whom the operator trusts says of a piece of software. It counts for more than
what the software says of itself. Pure. Source: RFC 7591 section 2.3."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from carekey.jose import jwt
from carekey.jose.algorithms import ASYMMETRIC
from carekey.jose.jwt import Flaw, InvalidJwt, KeySet
from carekey.oidc.clients.metadata import POLICY
from carekey.oidc.errors import InvalidSoftwareStatement, Reason, UnapprovedSoftwareStatement

FIELD = "software_statement"
SKEW = 60
"""Seconds that the signer's clock may be wrong."""
_ABOUT_ITSELF = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", FIELD, "client_id", *POLICY})
"""Claims that are no metadata, and members that no statement can give."""


def applied(metadata: Mapping[str, Any], trusted: Mapping[str, Mapping[str, Any]], *, now: datetime) -> dict[str, Any]:
    """The metadata with what its statement says in place of what it says itself; the statement stays.

    `trusted`: key sets, by the `iss` of statements. Raises: InvalidSoftwareStatement, UnapprovedSoftwareStatement.
    """
    text = metadata.get(FIELD)
    if text is None:
        return dict(metadata)
    return {**metadata, **_claims(text, trusted, now)}


def said(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What the statement said that a client was registered with. It was judged then, and may have expired."""
    text = metadata.get(FIELD)
    return {} if text is None else {**_members(jwt.parse(text).claims), FIELD: text}


def _claims(text: Any, trusted: Mapping[str, Mapping[str, Any]], now: datetime) -> dict[str, Any]:
    if not isinstance(text, str):
        raise InvalidSoftwareStatement(reason=Reason.STATEMENT_MALFORMED)
    try:
        token = jwt.parse(text)
    except InvalidJwt:
        raise InvalidSoftwareStatement(reason=Reason.STATEMENT_MALFORMED) from None
    issuer = token.claims.get("iss")
    if not isinstance(issuer, str) or issuer not in trusted:
        raise UnapprovedSoftwareStatement(reason=Reason.STATEMENT_ISSUER)
    try:
        jwt.verify(token, KeySet.of_jwks(trusted[issuer]), allowed=ASYMMETRIC)
    except InvalidJwt as error:
        alien = error.flaw in {Flaw.UNKNOWN_KEY, Flaw.BAD_SIGNATURE, Flaw.ALG_NOT_ALLOWED}
        reason = Reason.STATEMENT_SIGNATURE if alien else Reason.STATEMENT_MALFORMED
        raise InvalidSoftwareStatement(reason=reason) from None
    _check_times(token.claims, now.timestamp())
    return _members(token.claims)


def _members(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in _ABOUT_ITSELF}


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires, begins = (claims.get(name) for name in ("exp", "nbf"))
    if any(moment is not None and type(moment) not in {int, float} for moment in (expires, begins)):
        raise InvalidSoftwareStatement(reason=Reason.STATEMENT_MALFORMED)
    if (expires is not None and expires + SKEW <= now) or (begins is not None and begins > now + SKEW):
        raise InvalidSoftwareStatement(reason=Reason.STATEMENT_EXPIRED)
