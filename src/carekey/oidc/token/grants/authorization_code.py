"""The authorization code grant (RFC 6749 section 4.1.3; OpenID Connect Core section 3.1.3)."""

from typing import ClassVar

from carekey.kernel.actor import client as client_actor
from carekey.kernel.secret import digest
from carekey.oidc import resource
from carekey.oidc.errors import InvalidGrant, InvalidRequest, Reason
from carekey.oidc.events import CodeReplayed
from carekey.oidc.model import ClientAuthMethod, Grant, Replayed
from carekey.oidc.ports import OidcTx
from carekey.oidc.profiles import demands
from carekey.oidc.token import pkce
from carekey.oidc.token.base import Bought, Denied, TokenRequest
from carekey.oidc.token.grants import refresh_token
from carekey.oidc.tokens import access_token
from carekey.oidc.tokens.sender_constraint import check_grant


class AuthorizationCode:
    name: ClassVar[str] = "authorization_code"
    parameters: ClassVar[frozenset[str]] = frozenset({"code", "redirect_uri", "code_verifier"})
    reads_client_keys: ClassVar[bool] = False

    def redeem(self, tx: OidcTx, request: TokenRequest) -> Bought | Denied:
        fields = request.fields
        code, redirect_uri = fields.get("code"), fields.get("redirect_uri")
        if code is None or redirect_uri is None:
            missing = "code" if code is None else "redirect_uri"
            raise InvalidRequest(f"{missing} is missing", reason=Reason.MISSING_PARAMETER)
        key = digest(code)
        # Redeeming is looking: of simultaneous callers one gets the grant. If a check then fails, the exception
        # rolls the redemption back, so a wrong request does not burn the right one's code.
        outcome = tx.codes.redeem(key, now=request.now)
        if outcome is None:
            raise InvalidGrant(reason=Reason.UNKNOWN_CODE)
        grant = outcome.grant
        check_ownership(grant, request)
        if isinstance(outcome, Replayed):
            return replayed(tx, key, grant, request)
        if grant.expires_at <= request.now:
            raise InvalidGrant(reason=Reason.CODE_EXPIRED)
        if not request.client.honours(grant.issued_at):
            raise InvalidGrant(reason=Reason.DISABLED_CLIENT)
        if grant.redirect_uri != redirect_uri:
            raise InvalidGrant(reason=Reason.REDIRECT_URI_DIFFERS)
        if grant.code_challenge is None and _must_prove(request):
            raise InvalidGrant(reason=Reason.PKCE_MISSING)
        check_grant(grant.confirmation, request.confirmation)
        pkce.check(fields.get("code_verifier"), grant.code_challenge)
        if not tx.sessions.joined(grant.session, grant.client):
            raise InvalidGrant(reason=Reason.SESSION_ENDED)
        token = access_token.of_grant(
            request.access_token,
            grant,
            code=key,
            issuer=request.issuer,
            issued_at=request.issued_at,
            resource=resource.granted(fields, grant, request.client, request.issuer),
            session=grant.session,
        )
        return Bought(token, grant, code, refresh=refresh_token.begin(tx, grant, code=key, request=request))


def _must_prove(request: TokenRequest) -> bool:
    """Rules may have changed since the code was issued."""
    client = request.client
    asked = demands(request.issuer, client)
    return client.require_pkce or asked.require_pkce or client.auth_method is ClientAuthMethod.NONE


def check_ownership(grant: Grant, request: TokenRequest) -> None:
    """A code in foreign hands buys nothing, and revokes nothing either: that is for its own client alone."""
    if grant.issuer != request.issuer.name:
        raise InvalidGrant(reason=Reason.CODE_OF_ANOTHER_ISSUER)
    if grant.client != request.client.id:
        raise InvalidGrant(reason=Reason.CODE_OF_ANOTHER_CLIENT)


def replayed(tx: OidcTx, key: bytes, grant: Grant, request: TokenRequest) -> Denied:
    """RFC 6749 section 4.1.2: either this caller or the first one stole it, so neither keeps anything."""
    # For as long as an ID token of it could be exchanged.
    tx.codes.spoil(key, at=request.now, until=request.now + request.issuer.token_lifetime)
    tx.refresh_families.revoke(key, at=request.now)
    revoked = tx.access_tokens.revoke_bought(key, at=request.now)
    tx.audit.record(
        CodeReplayed(
            at=request.now,
            actor=client_actor(grant.client),
            reference=request.reference,
            issuer=grant.issuer,
            client=grant.client,
            person=grant.person,
            session=grant.session,
            revoked=revoked,
        )
    )
    return Denied(InvalidGrant(reason=Reason.CODE_REPLAYED))
