"""The client credentials grant: a client on its own behalf, with no person (RFC 6749 section 4.4)."""

from typing import ClassVar

from carekey.oidc import resource
from carekey.oidc.errors import Reason, UnauthorizedClient
from carekey.oidc.model import ClientAuthMethod
from carekey.oidc.ports import OidcTx
from carekey.oidc.token.base import Bought, Denied, TokenRequest
from carekey.oidc.tokens import access_token


class ClientCredentials:
    name: ClassVar[str] = "client_credentials"
    parameters: ClassVar[frozenset[str]] = frozenset({"scope"})
    reads_client_keys: ClassVar[bool] = False

    def redeem(self, tx: OidcTx, request: TokenRequest) -> Bought | Denied:  # noqa: ARG002 (a grant has these)
        client = request.client
        if client.auth_method is ClientAuthMethod.NONE:
            raise UnauthorizedClient(reason=Reason.GRANT_TYPE_NOT_REGISTERED)
        target = resource.asked(request.fields, client, request.issuer)
        return Bought(
            access_token.of_client(
                request.access_token,
                client,
                scopes=resource.chosen(request.fields, resource.registered(client, target)),
                issuer=request.issuer,
                issued_at=request.issued_at,
                resource=target,
            )
        )
