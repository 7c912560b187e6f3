"""The claims of an ID token (OpenID Connect Core section 2; cis2-profile section 2.10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carekey.jose import base64url
from carekey.jose.algorithms import left_half_digest
from carekey.oidc.model import Grant, Issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductExtras:
    """Marks that CIS2's product leaves: unpredictable, and without meaning here."""

    tracking_id: str
    session_operations: str


def claims(
    grant: Grant,
    *,
    issuer: Issuer,
    alg: str,
    code: str | None,
    bought_by: bytes,
    access_token: str,
    issued_at: datetime,
    requested: Mapping[str, Any],
    sub: str,
    extras: ProductExtras | None,
) -> dict[str, Any]:
    """`sub`: what the client calls the person (`oidc/subject.py`). `requested`: claims about the person that the `claims` parameter wants in the ID token; they yield to the
    protocol's own.

    `code`: None for a refreshed token, which has no `c_hash` (section 12.2). `bought_by`: the digest of the code that it
    goes back to, which `code_of` reads again.

    `issued_at` is the moment of the request, and whole seconds are cut off, never rounded up: there are clients
    that allow no `iat` ahead of their clock. Assurance levels are texts (cis2-profile section 2.10).
    """
    level = str(int(grant.ial))
    iat = int(issued_at.timestamp())
    at_hash = _hash(alg, access_token)
    told: dict[str, Any] = {
        **requested,
        "iss": issuer.url,
        "sub": sub,
        "aud": grant.client,
        "azp": grant.client,
        "iat": iat,
        "exp": iat + int(issuer.token_lifetime.total_seconds()),
        "auth_time": int(grant.auth_time.timestamp()),
        "acr": grant.acr,
        "amr": list(grant.amr),
        "authentication_assurance_level": str(int(grant.aal)),
        "id_assurance_level": level,
        "idassurancelevel": level,
        "sid": grant.session,
        "jti": f"{base64url.encode(bought_by).decode('ascii')}.{at_hash}",
        "at_hash": at_hash,
    }
    if code is not None:
        told["c_hash"] = _hash(alg, code)
    if grant.nonce is not None:
        told["nonce"] = grant.nonce
    if grant.state is not None:
        told["s_hash"] = _hash(alg, grant.state)
    if grant.role is not None and not _ROLE_SCOPES.isdisjoint(grant.scopes):
        told["selected_roleid"] = grant.role
    if extras is not None:
        told |= {
            "subname": sub,
            "realm": issuer.realm,
            "tokenName": "id_token",
            "tokenType": "JWTToken",
            "auditTrackingId": extras.tracking_id,
            "org.forgerock.openidconnect.ops": extras.session_operations,
        }
    return told


def code_of(claims: Mapping[str, Any]) -> bytes | None:
    """The digest of the code that an ID token of ours goes back to; None for one that was issued before they named it."""
    code, _, rest = str(claims.get("jti", "")).partition(".")
    return base64url.decode(code.encode("ascii")) if rest else None


def pushed_claims(auth_req_id: str, refresh_token: str | None, *, alg: str) -> dict[str, Any]:
    """What ties pushed tokens to their request, and to each other (CIBA Core section 10.3.1)."""
    told = {"urn:openid:params:jwt:claim:auth_req_id": auth_req_id}
    if refresh_token is not None:
        told["urn:openid:params:jwt:claim:rt_hash"] = _hash(alg, refresh_token)
    return told


_ROLE_SCOPES = frozenset({"selectedrole", "changedrole"})


def _hash(alg: str, text: str) -> str:
    return base64url.encode(left_half_digest(alg, text)).decode("ascii")
