"""The API host: the endpoints that clients call without a browser, once more, where certificates are asked for.

Nobody else sets what `client_of` reads: on the main listener there is no certificate, whatever a request says of one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import structlog
from starlette.responses import Response

from carekey.oidc import endpoints
from carekey.oidc.model import Issuer
from carekey.web.kit import Handler, Request, Route
from carekey.web.peer_certificate import MalformedCertificate, from_proxy, from_tls
from carekey.web.problem import Problem

log = structlog.get_logger()

_SCOPE = "carekey.mtls_client"


@dataclass(frozen=True, slots=True)
class TlsClient:
    """Who is at the other end of a connection to the API host."""

    host: str
    """The API host's origin."""
    certificates: tuple[bytes, ...]
    """DER, its own first, which it proved to hold; empty if it showed none."""


def client_of(request: Request) -> TlsClient | None:
    """None on every listener but the API host."""
    found: TlsClient | None = request.scope.get(_SCOPE)
    return found


def on_api_host(routes: Iterable[Route], issuer: Issuer, *, proxied: bool) -> list[Route]:
    """Those of an issuer's routes that the API host has. `proxied`: a proxy ends TLS and tells of certificates."""
    host = issuer.api_host
    if host is None:
        return []
    paths = {endpoints.path(issuer, endpoint) for endpoint in endpoints.BACK_CHANNEL.values()}
    return [
        replace(
            route,
            handlers={name: _with_certificate(handler, host, proxied) for name, handler in route.handlers.items()},
        )
        for route in routes
        if route.path in paths
    ]


def _with_certificate(handler: Handler, host: str, proxied: bool) -> Handler:  # noqa: FBT001 (as its caller has it)
    async def handle(request: Request) -> Response:
        request.scope[_SCOPE] = TlsClient(host, tuple(_told_by_proxy(request) if proxied else from_tls(request)))
        return await handler(request)

    return handle


def _told_by_proxy(request: Request) -> Sequence[bytes]:
    """Raises: Problem, if it was not the proxy that sent this: anybody can write a header."""
    if not request.from_proxy:
        raise Problem(
            status=403,
            heading="This address is for a proxy",
            what_to_do=("Use the address in mtls_endpoint_aliases of the discovery document.",),
        )
    try:
        return from_proxy(request)
    except MalformedCertificate:
        log.warning("api-host:malformed-client-cert", reference=request.reference)
        return ()
