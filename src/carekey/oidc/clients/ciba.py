"""How a client hears of log-ins elsewhere (CIBA Core section 4)."""

from typing import Any

from carekey.oidc.clients.grant_types import CIBA
from carekey.oidc.clients.reading import Reader
from carekey.oidc.model import Issuer, TokenDelivery
from carekey.oidc.profiles import Profile


def read_ciba(read: Reader, grant_types: tuple[str, ...], asked: Profile, issuer: Issuer) -> dict[str, Any]:
    """CIBA Core section 4."""
    mode = read.choice_or_none("backchannel_token_delivery_mode", list(TokenDelivery))
    endpoint = read.address("backchannel_client_notification_endpoint", plain=issuer.private_fetches)
    if CIBA in grant_types and mode is None and not read.faulty("backchannel_token_delivery_mode"):
        read.refuse("backchannel_token_delivery_mode", f"is missing: {CIBA} needs it")
    if mode in {TokenDelivery.PING, TokenDelivery.PUSH} and endpoint is None:
        read.refuse("backchannel_client_notification_endpoint", f"is missing: {mode} needs it")
    return {
        "ciba_delivery": None if mode is None else TokenDelivery(mode),
        "ciba_notification_endpoint": endpoint,
        "ciba_request_alg": read.choice_or_none("backchannel_authentication_request_signing_alg", asked.algs),
        "ciba_user_code": read.flag("backchannel_user_code_parameter"),
    }
