"""How OAuth's answers look on the wire: JSON that nobody keeps, and every error mapped in this one place."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from carekey.kernel.unit_of_work import StoreUnavailable
from carekey.oidc.errors import (
    InvalidRequest,
    OAuthError,
    Reason,
    ServerError,
    TemporarilyUnavailable,
    TooLarge,
    TooSlow,
)
from carekey.oidc.mtls.http import client_of
from carekey.oidc.tokens.sender_constraint import BEARER, Sent
from carekey.web.fields import Fields, MalformedFields
from carekey.web.headers import NO_STORE
from carekey.web.kit import Handler, Request
from carekey.web.problem import Problem

log = structlog.get_logger()

RawHeader = tuple[bytes, bytes]
_NO_CACHE: tuple[RawHeader, ...] = (NO_STORE, (b"pragma", b"no-cache"))
_JSON: RawHeader = (b"content-type", b"application/json")

Challenge = Callable[[Request, OAuthError], Iterable[RawHeader]]
"""Headers that an error needs besides, such as WWW-Authenticate."""


def answer(
    body: bytes, *, status: int = 200, content_type: RawHeader = _JSON, headers: Iterable[RawHeader]
) -> Response:
    return _Whole(body, status, [(b"content-length", str(len(body)).encode()), content_type, *headers])


class _Whole(Response):
    """Of which everything is known: nothing is left for Starlette to work out."""

    def __init__(self, body: bytes, status: int, raw_headers: list[RawHeader]) -> None:
        self.body, self.status_code, self.raw_headers = body, status, raw_headers
        self.background = None


def json_answer(members: Mapping[str, Any], *, status: int = 200, headers: Iterable[RawHeader] = ()) -> Response:
    return answer(msgspec.json.encode(members), status=status, headers=(*_NO_CACHE, *headers))


def for_clients(handler: Callable[[Request], Awaitable[Response]], challenge: Challenge) -> Handler:
    """A handler whose caller is a program: it gets JSON for every error, never a page."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except OAuthError as refusal:
            error = refusal
        except ClientDisconnect:
            raise
        except StoreUnavailable as unavailable:
            log.error("store:unavailable", reference=request.reference, why=str(unavailable))  # noqa: TRY400 (no trace)
            error = TemporarilyUnavailable(reason=Reason.UNAVAILABLE)
        except Exception as fault:  # whatever it was, the client gets JSON and support a code
            log.exception("request:failed", reference=request.reference, kind=type(fault).__name__)
            error = ServerError(f"The service could not answer ({request.reference})", reason=Reason.FAULT)
        return json_answer(error.body(), status=error.status, headers=challenge(request, error))

    return handle


def sent(request: Request, address: str, *, scheme: str = BEARER, access_token: str | None = None) -> Sent:
    """What sender constraints look at. `address`: the endpoint's own, as published."""
    tls = client_of(request)
    return Sent(
        method=request.method,
        address=address if tls is None else tls.host + urlsplit(address).path,
        proofs=tuple(request.headers.getlist("dpop")),
        access_token=access_token,
        scheme=scheme,
        certificate=tls.certificates[0] if tls and tls.certificates else None,
    )


async def read_form(request: Request) -> Fields:
    """The parameters in a request's body. Raises: InvalidRequest, TooLarge, TooSlow, ClientDisconnect."""
    try:
        return await request.form()
    except MalformedFields:
        raise InvalidRequest("The body must be a form in UTF-8", reason=Reason.MALFORMED) from None
    except Problem as problem:  # the kit's own: it was sent too much, or too slowly
        raise (
            TooSlow(reason=Reason.TOO_SLOW) if problem.status == 408 else TooLarge(reason=Reason.TOO_LARGE)
        ) from None
