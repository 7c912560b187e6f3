"""Redeeming what a person agreed to elsewhere: RFC 8628 section 3.4; CIBA Core section 10.1.

The grant stands among those of codes, so that the first poll after the agreement wins, whoever races, and one that
comes again revokes what was bought.
"""

from carekey.oidc import resource
from carekey.oidc.decoupled import polling
from carekey.oidc.decoupled.model import Kind, key_of
from carekey.oidc.decoupled.polling import ExpiredToken, Wait
from carekey.oidc.errors import InvalidGrant, InvalidRequest, Reason
from carekey.oidc.model import Replayed
from carekey.oidc.ports import OidcTx
from carekey.oidc.token.base import Bought, Denied, TokenRequest
from carekey.oidc.token.grants import authorization_code, refresh_token
from carekey.oidc.tokens import access_token


def redeem(tx: OidcTx, request: TokenRequest, kind: Kind, parameter: str) -> Bought | Denied:
    """Raises: OAuthError."""
    secret = request.fields.get(parameter)
    if secret is None:
        raise InvalidRequest(f"{parameter} is missing", reason=Reason.MISSING_PARAMETER)
    key = key_of(kind, secret)
    outcome = tx.codes.redeem(key, now=request.now)
    if outcome is None:
        return _undecided(tx, key, request)
    grant = outcome.grant
    authorization_code.check_ownership(grant, request)
    if isinstance(outcome, Replayed):
        return authorization_code.replayed(tx, key, grant, request)
    if grant.expires_at <= request.now:
        raise ExpiredToken(reason=Reason.REQUEST_EXPIRED)
    if not request.client.honours(grant.issued_at):
        raise ExpiredToken(reason=Reason.DISABLED_CLIENT)
    if not tx.sessions.joined(grant.session, grant.client):
        raise InvalidGrant(reason=Reason.SESSION_ENDED)
    token = access_token.of_grant(
        request.access_token,
        grant,
        code=key,
        issuer=request.issuer,
        issued_at=request.issued_at,
        resource=resource.granted(request.fields, grant, request.client, request.issuer),
        session=grant.session,
    )
    return Bought(token, grant, refresh=refresh_token.begin(tx, grant, code=key, request=request))


def _undecided(tx: OidcTx, key: bytes, request: TokenRequest) -> Denied:
    asked = tx.decoupled_requests.polled(key, now=request.now)
    if asked is None or asked.issuer != request.issuer.name or asked.client != request.client.id:
        raise InvalidGrant(reason=Reason.UNKNOWN_REQUEST)
    if not request.client.honours(asked.requested_at):
        raise ExpiredToken(reason=Reason.DISABLED_CLIENT)
    verdict = polling.judge(asked, now=request.now)
    if isinstance(verdict, Wait):
        # A value, not an exception: that it was asked now stays noted.
        return Denied(verdict.error)
    raise verdict
