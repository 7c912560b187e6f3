"""Tokens that are sent to a client instead of fetched (CIBA Core section 10.3.1)."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.secret import digest
from carekey.oidc import resource
from carekey.oidc.ciba import grant
from carekey.oidc.errors import InvalidGrant, Reason
from carekey.oidc.ports import OidcTx
from carekey.oidc.token.base import Bought, TokenRequest
from carekey.oidc.token.grants import refresh_token
from carekey.oidc.tokens import access_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A `GrantType` for one try at sending. A try that comes again revokes what the one before it sent: nobody knows
    whether that arrived, and nothing of a token is kept that could be sent once more."""

    name: ClassVar[str] = grant.NAME
    parameters: ClassVar[frozenset[str]] = frozenset()
    reads_client_keys: ClassVar[bool] = False

    key: bytes
    """Of the request."""
    auth_req_id: str
    tries: int
    """This one included."""

    def redeem(self, tx: OidcTx, request: TokenRequest) -> Bought:
        """Raises: OAuthError."""
        outcome = tx.codes.redeem(self.key, now=request.now)
        if outcome is None:
            raise InvalidGrant(reason=Reason.UNKNOWN_REQUEST)
        granted = outcome.grant
        if not request.client.honours(granted.issued_at):
            raise InvalidGrant(reason=Reason.DISABLED_CLIENT)
        for earlier in range(1, self.tries):
            tx.refresh_families.revoke(self._bought_by(earlier), at=request.now)
            tx.access_tokens.revoke_bought(self._bought_by(earlier), at=request.now)
        if not tx.sessions.joined(granted.session, granted.client):
            raise InvalidGrant(reason=Reason.SESSION_ENDED)
        code = self._bought_by(self.tries)
        target = granted.resource and resource.allowed(granted.resource, request.client, request.issuer)
        token = access_token.of_grant(
            request.access_token,
            granted,
            code=code,
            issuer=request.issuer,
            issued_at=request.issued_at,
            resource=target or None,
            session=granted.session,
        )
        refresh = refresh_token.begin(tx, granted, code=code, request=request)
        return Bought(token, granted, refresh=refresh, auth_req_id=self.auth_req_id)

    def _bought_by(self, tries: int) -> bytes:
        return digest(f"pushed:{self.key.hex()}:{tries}")
