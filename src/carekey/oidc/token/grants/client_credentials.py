"""The client credentials grant: a client on its own behalf, with no person (RFC 6749 section 4.4)."""

from typing import ClassVar

from carekey.oidc.errors import InvalidScope, Reason, UnauthorizedClient
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.ports import OidcTx
from carekey.oidc.token.base import Bought, Denied, TokenRequest
from carekey.oidc.tokens import access_token


class ClientCredentials:
    name: ClassVar[str] = "client_credentials"
    parameters: ClassVar[frozenset[str]] = frozenset({"scope"})

    def redeem(self, tx: OidcTx, request: TokenRequest) -> Bought | Denied:  # noqa: ARG002 (a grant has these)
        client = request.client
        if client.auth_method is ClientAuthMethod.NONE:
            raise UnauthorizedClient(reason=Reason.GRANT_TYPE_NOT_REGISTERED)
        # Only what was registered by name: "every scope" means those of people.
        registered = client.scopes or frozenset()
        asked = request.fields.get("scope")
        scopes = tuple(sorted(registered)) if asked is None else tuple(dict.fromkeys(asked.split()))
        if not registered.issuperset(scopes):
            raise InvalidScope(reason=Reason.SCOPE_NOT_REGISTERED)
        return Bought(
            access_token.of_client(
                request.access_token, client, scopes=scopes, issuer=request.issuer, issued_at=request.issued_at
            )
        )
