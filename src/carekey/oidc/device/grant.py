"""The device authorization grant (RFC 8628 section 3.4)."""

from typing import ClassVar

from carekey.oidc.decoupled.grant import redeem
from carekey.oidc.decoupled.model import Kind
from carekey.oidc.ports import OidcTx
from carekey.oidc.token.base import Bought, Denied, TokenRequest

NAME = "urn:ietf:params:oauth:grant-type:device_code"


class DeviceCode:
    name: ClassVar[str] = NAME
    parameters: ClassVar[frozenset[str]] = frozenset({"device_code"})
    reads_client_keys: ClassVar[bool] = False

    def redeem(self, tx: OidcTx, request: TokenRequest) -> Bought | Denied:
        return redeem(tx, request, Kind.DEVICE, "device_code")
