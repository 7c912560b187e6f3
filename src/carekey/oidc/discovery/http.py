"""GET {issuer}/.well-known/openid-configuration and {issuer}/connect/jwk_uri."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
from starlette.responses import Response

from carekey.oidc import endpoints
from carekey.oidc.discovery.document import document
from carekey.oidc.http import RawHeader, answer, for_clients
from carekey.oidc.model import Issuer
from carekey.web.kit import Request, Route, get

_DOCUMENT_CACHE: RawHeader = (b"cache-control", b"public, max-age=3600")
# Short beside the days for which a new key is published before use, so no cache on the way can be behind.
_KEYS_CACHE: RawHeader = (b"cache-control", b"public, max-age=300")


class Publishes(Protocol):
    """The part of `jose.signer.Signer` that is needed here."""

    async def refresh(self, now: datetime) -> None: ...

    def jwks(self) -> bytes: ...


class DiscoveryHttp:
    def __init__(
        self,
        *,
        issuer: Issuer,
        signer: Publishes,
        acr_values: Sequence[str],
        grant_types: Sequence[str],
        details: Sequence[str] = (),
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """`acr_values`: every class that this issuer can satisfy (`login/acr.py`).
        `details`: types of authorization details. `more`: members of other protocols."""
        self._issuer = issuer
        self._signer = signer
        self._document = msgspec.json.encode(
            {**(more or {}), **document(issuer, acr_values=acr_values, grant_types=grant_types, details=details)}
        )

    def routes(self) -> list[Route]:
        return [
            get(endpoints.path(self._issuer, endpoints.DISCOVERY), for_clients(self._discovery, lambda *_: ())),
            get(endpoints.path(self._issuer, endpoints.JWKS), for_clients(self._keys, lambda *_: ())),
        ]

    async def _discovery(self, request: Request) -> Response:  # noqa: ARG002 (a handler has it)
        return answer(self._document, headers=(_DOCUMENT_CACHE,))

    async def _keys(self, request: Request) -> Response:
        await self._signer.refresh(request.site.clock.now())
        return answer(self._signer.jwks(), headers=(_KEYS_CACHE,))
