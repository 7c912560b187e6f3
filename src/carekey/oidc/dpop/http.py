"""The DPoP-Nonce header (RFC 9449 sections 8 and 9)."""

from collections.abc import Iterable
from dataclasses import replace

from starlette.responses import Response

from carekey.oidc.dpop.nonces import Nonces
from carekey.web.kit import Handler, Request, Route


def with_nonce(
    routes: Iterable[Route], nonces: Nonces, *, proof: str = "dpop", told: str = "dpop-nonce"
) -> list[Route]:
    """The same, but whoever sends a proof learns with every answer, errors included, which nonce the next one needs
    (section 8.2). `proof` and `told`: the headers."""
    return [
        replace(
            route,
            handlers={method: _with_nonce(handler, nonces, proof, told) for method, handler in route.handlers.items()},
        )
        for route in routes
    ]


def _with_nonce(handler: Handler, nonces: Nonces, proof: str, told: str) -> Handler:
    async def handle(request: Request) -> Response:
        response = await handler(request)
        if proof in request.headers:
            response.headers[told] = nonces.current(request.site.clock.now())
        return response

    return handle
