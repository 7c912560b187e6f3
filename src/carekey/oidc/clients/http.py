"""POST {issuer}/register, and GET, PUT and DELETE of what was registered, at {issuer}/register?client_id=… (RFC 7591
section 3, RFC 7592 section 2).

Not below /register/, where the links are by which people add their ways to log in."""

import math
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.responses import Response

from carekey.oidc import endpoints
from carekey.oidc.clients.registration import ClientRegistration
from carekey.oidc.errors import (
    InvalidClientMetadata,
    InvalidToken,
    OAuthError,
    Reason,
    TooLarge,
    TooManyRegistrations,
    TooSlow,
)
from carekey.oidc.http import RawHeader, for_clients, json_answer
from carekey.oidc.model import Issuer
from carekey.web.fields import MalformedFields, RepeatedField
from carekey.web.kit import Request, Route
from carekey.web.problem import Problem

_metadata = msgspec.json.Decoder(dict[str, Any])


class RegistrationHttp:
    def __init__(self, *, issuer: Issuer, registration: ClientRegistration) -> None:
        self._issuer = issuer
        self._registration = registration

    def routes(self) -> list[Route]:
        path = endpoints.path(self._issuer, endpoints.REGISTRATION)
        handlers = {"POST": self._create, "GET": self._read, "PUT": self._update, "DELETE": self._remove}
        return [Route(path, {method: for_clients(handler, challenge) for method, handler in handlers.items()})]

    async def _create(self, request: Request) -> Response:
        told = await self._registration.create(
            lambda: read_metadata(request),
            bearer(request),
            address=request.address,
            now=request.site.clock.now(),
            reference=request.reference,
        )
        return json_answer(told, status=201)

    async def _read(self, request: Request) -> Response:
        told = await self._registration.read(
            _client_id(request),
            bearer(request) or "",
            now=request.site.clock.now(),
            reference=request.reference,
        )
        return json_answer(told)

    async def _update(self, request: Request) -> Response:
        told = await self._registration.update(
            _client_id(request),
            lambda: read_metadata(request),
            bearer(request) or "",
            now=request.site.clock.now(),
            reference=request.reference,
        )
        return json_answer(told)

    async def _remove(self, request: Request) -> Response:
        await self._registration.remove(
            _client_id(request),
            bearer(request) or "",
            now=request.site.clock.now(),
            reference=request.reference,
        )
        return Response(status_code=204, headers={"cache-control": "no-store"})


def _client_id(request: Request) -> str:
    """Empty for none, for several, and for one that cannot be read: there is no such client."""
    try:
        return request.query().get("client_id") or ""
    except (MalformedFields, RepeatedField):
        return ""


async def read_metadata(request: Request) -> dict[str, Any]:
    """Raises: OAuthError, ClientDisconnect."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InvalidClientMetadata("The body must be application/json", reason=Reason.MALFORMED)
    try:
        return _metadata.decode(await request.limited_body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidClientMetadata("The body must be one JSON object", reason=Reason.MALFORMED) from None
    except Problem as problem:
        raise (
            TooSlow(reason=Reason.TOO_SLOW) if problem.status == 408 else TooLarge(reason=Reason.TOO_LARGE)
        ) from None


def bearer(request: Request) -> str | None:
    """RFC 6750 section 2.1 alone: nobody puts these tokens into a form or an address."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def challenge(_: Request, error: OAuthError) -> Iterable[RawHeader]:
    match error:
        case InvalidToken():
            return ((b"www-authenticate", b'Bearer error="invalid_token"'),)
        case TooManyRegistrations(retry_after=wait):
            return ((b"retry-after", str(math.ceil(wait.total_seconds())).encode()),)
        case _:
            return ()
