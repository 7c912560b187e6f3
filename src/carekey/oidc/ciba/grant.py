"""The CIBA grant, for clients that poll or are pinged (CIBA Core section 10.1)."""

from typing import ClassVar

from carekey.oidc.decoupled.grant import redeem
from carekey.oidc.decoupled.model import Kind
from carekey.oidc.errors import Reason, UnauthorizedClient
from carekey.oidc.model import TokenDelivery
from carekey.oidc.ports import OidcTx
from carekey.oidc.token.base import Bought, Denied, TokenRequest

NAME = "urn:openid:params:grant-type:ciba"


class Ciba:
    name: ClassVar[str] = NAME
    parameters: ClassVar[frozenset[str]] = frozenset({"auth_req_id"})
    reads_client_keys: ClassVar[bool] = False

    def redeem(self, tx: OidcTx, request: TokenRequest) -> Bought | Denied:
        if request.client.ciba_delivery is TokenDelivery.PUSH:  # section 11: its tokens come by themselves
            raise UnauthorizedClient(reason=Reason.TOKENS_ARE_PUSHED)
        return redeem(tx, request, Kind.CIBA, "auth_req_id")
