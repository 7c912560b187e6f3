"""Access tokens: opaque ones, random and known to us by their digest alone (cis2-profile section 2.9), and JWTs for
resources that want to verify them by themselves (RFC 9068)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from carekey.jose import base64url
from carekey.kernel.ids import PersonId, RoleProfileId, SessionId
from carekey.kernel.secret import digest
from carekey.oidc import subject
from carekey.oidc.model import AccessToken, Authentication, Client, Grant, Issuer, Resource

TYPE = "at+jwt"
"""`typ` of a JWT (RFC 9068 section 2.1)."""
JWT_ALG = "RS256"
"""Which every resource can verify (RFC 9068 section 2.1)."""


def of_grant(
    token: str,
    grant: Grant,
    *,
    code: bytes,
    issuer: Issuer,
    issued_at: datetime,
    resource: Resource | None = None,
    session: SessionId | None,
) -> AccessToken:
    """`code`: the digest of the code. `session`: that with which the token ends. `issued_at`: whole seconds."""
    return AccessToken(
        digest=digest(token),
        issuer=issuer.name,
        client=grant.client,
        person=grant.person,
        session=session,
        scopes=within(grant.scopes, resource),
        role=grant.role,
        requested_claims={} if resource else grant.requested_claims,
        authorization_details=grant.authorization_details,
        code=code,
        audience=resource.uri if resource else None,
        authentication=Authentication(acr=grant.acr, amr=grant.amr, aal=grant.aal, ial=grant.ial, at=grant.auth_time),
        issued_at=issued_at,
        expires_at=issued_at + _lifetime(issuer, resource),
    )


def of_client(
    token: str,
    client: Client,
    *,
    scopes: tuple[str, ...],
    issuer: Issuer,
    issued_at: datetime,
    resource: Resource | None = None,
) -> AccessToken:
    """For a client on its own behalf, with no person. `issued_at`: whole seconds."""
    return of_person(
        token, client, None, scopes=scopes, issuer=issuer, issued_at=issued_at, resource=resource, session=None
    )


def of_person(
    token: str,
    client: Client,
    person: PersonId | None,
    *,
    scopes: tuple[str, ...],
    issuer: Issuer,
    issued_at: datetime,
    resource: Resource | None,
    session: SessionId | None,
    role: RoleProfileId | None = None,
    authentication: Authentication | None = None,
    act: Mapping[str, Any] | None = None,
) -> AccessToken:
    """For a client that has come by no code. `issued_at`: whole seconds."""
    return AccessToken(
        digest=digest(token),
        issuer=issuer.name,
        client=client.id,
        person=person,
        session=session,
        scopes=scopes,
        role=role,
        code=None,
        audience=resource.uri if resource else None,
        authentication=authentication,
        act=act,
        issued_at=issued_at,
        expires_at=issued_at + _lifetime(issuer, resource),
    )


def within(scopes: tuple[str, ...], resource: Resource | None) -> tuple[str, ...]:
    """Those that mean something at this resource (RFC 8707 section 2.2)."""
    return scopes if resource is None else tuple(scope for scope in scopes if scope in resource.scopes)


def _lifetime(issuer: Issuer, resource: Resource | None) -> timedelta:
    return issuer.token_lifetime if resource is None else min(resource.token_lifetime, issuer.token_lifetime)


def particulars(token: AccessToken, issuer: Issuer, client: Client) -> dict[str, Any]:
    """`client`: whose token it is. What a resource is told of a token, in a JWT (RFC 9068 section 2.2) or by introspection (RFC 7662 section 2.2).

    How the person authenticated and in which role they act is what cis2-profile section 8.2 carries on.
    """
    told: dict[str, Any] = {
        "iss": issuer.url,
        "sub": token.client if token.person is None else subject.of(token.person, client, issuer),
        "client_id": token.client,
        "iat": int(token.issued_at.timestamp()),
        "exp": int(token.expires_at.timestamp()),
        "jti": base64url.encode(token.digest).decode("ascii"),
        "scope": " ".join(token.scopes),
    }
    if token.audience is not None:
        told["aud"] = token.audience
    if token.session is not None:
        told["sid"] = token.session
    if token.role is not None:
        told["selected_roleid"] = token.role
    if (how := token.authentication) is not None:
        told |= {
            "auth_time": int(how.at.timestamp()),
            "acr": how.acr,
            "amr": list(how.amr),
            "authentication_assurance_level": str(int(how.aal)),
            "id_assurance_level": str(int(how.ial)),
        }
    if token.authorization_details:  # RFC 9396 section 9
        told["authorization_details"] = token.authorization_details
    if token.act is not None:
        told["act"] = token.act
    if token.confirmation is not None:  # RFC 9449 section 6; RFC 8705 section 3
        told["cnf"] = token.confirmation
    return told
