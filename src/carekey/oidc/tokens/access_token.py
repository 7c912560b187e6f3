"""Opaque access tokens: random, and known to us by their digest alone (cis2-profile section 2.9)."""

from datetime import datetime

from carekey.kernel.secret import digest
from carekey.oidc.model import AccessToken, Client, Grant, Issuer


def bought_by_code(token: str, grant: Grant, *, code: bytes, issuer: Issuer, issued_at: datetime) -> AccessToken:
    """`code`: the digest of the code. `issued_at`: whole seconds."""
    return AccessToken(
        digest=digest(token),
        issuer=issuer.name,
        client=grant.client,
        person=grant.person,
        session=grant.session,
        scopes=grant.scopes,
        role=grant.role,
        requested_claims=grant.requested_claims,
        code=code,
        issued_at=issued_at,
        expires_at=issued_at + issuer.token_lifetime,
    )


def of_client(
    token: str, client: Client, *, scopes: tuple[str, ...], issuer: Issuer, issued_at: datetime
) -> AccessToken:
    """For a client on its own behalf, with no person. `issued_at`: whole seconds."""
    return AccessToken(
        digest=digest(token),
        issuer=issuer.name,
        client=client.id,
        person=None,
        session=None,
        scopes=scopes,
        role=None,
        code=None,
        issued_at=issued_at,
        expires_at=issued_at + issuer.token_lifetime,
    )
