"""Pushed authorization requests: the `request_uri` that stands for one. Pure but for the transaction.

A `request_uri` works once. It is used up when the person arrives with it, in the same transaction that looks whether
it is good, so that of two arrivals one wins; a refusal takes that back.

Source: RFC 9126 sections 2.2 and 4; FAPI 2.0 Security Profile section 5.3.2.2.
"""

from datetime import datetime

from carekey.kernel.secret import digest
from carekey.oidc.authorize.errors import Reason, Unreturnable
from carekey.oidc.model import Issuer, PushedRequest
from carekey.oidc.ports import OidcTx

PREFIX = "urn:ietf:params:oauth:request_uri:"


def is_pushed(request_uri: str) -> bool:
    return request_uri.startswith(PREFIX)


def request_uri(secret: str) -> str:
    return PREFIX + secret


def key(request_uri: str) -> bytes:
    """What the request is kept under."""
    return digest(request_uri.removeprefix(PREFIX))


def take(tx: OidcTx, request_uri: str, issuer: Issuer, *, client: str | None, now: datetime) -> PushedRequest:
    """`client`: the `client_id` beside it. Raises: Unreturnable; the request then stays for its own client."""
    found = tx.pushed_requests.take(key(request_uri))
    if found is None or found.issuer != issuer.name:
        raise Unreturnable(Reason.REQUEST_URI_UNKNOWN, client=client or "")
    if client is None:
        raise Unreturnable(Reason.NO_CLIENT)
    if found.client != client:
        raise Unreturnable(Reason.REQUEST_URI_OF_ANOTHER_CLIENT, client=client)
    if found.expires_at <= now:
        raise Unreturnable(Reason.REQUEST_URI_EXPIRED, client=client)
    return found
