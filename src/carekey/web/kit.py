"""What a handler is made with: the request, routes, and pages as responses.

Starlette's request and response classes, with what every page needs of them. A handler is an async function from
Request to Response; `dispatcher.py` finds it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.requests import Request as StarletteRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response

from carekey.kernel.actor import UNKNOWN
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy, reference
from carekey.kernel.event import AuditEvent
from carekey.web import csrf, headers
from carekey.web.cookies import Cookies
from carekey.web.events import Forged, FormRefused
from carekey.web.fields import Fields, MalformedFields
from carekey.web.problem import (
    Problem,
    not_from_here,
    too_large,
    too_slow,
)
from carekey.web.templating import Pages
from carekey.web.zones import Address, Zones

BODY_LIMIT = 64 * 1024
"""Bytes. Nothing that is sent to CareKey in a form or as JSON comes near it."""
BODY_SECONDS = 20
"""A body that takes longer is not being sent, it is being held open."""
WHOLE = "carekey.whole"
"""What a server that knows it marks a request with whose body has come: there is nothing to wait for."""

Record = Callable[[AuditEvent], Awaitable[None]]


async def _unrecorded(_event: AuditEvent) -> None:
    """For pages that are tried by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What every page of an installation shares."""

    origins: frozenset[str]
    """Our own origins, scheme and authority as browsers write them."""
    secure: bool
    csrf_key: bytes
    cookies: Cookies
    zones: Zones
    pages: Pages
    clock: Clock
    entropy: Entropy
    record: Record = _unrecorded
    """Puts on record what the kit itself refuses."""


class Request(StarletteRequest):
    """A request with what the kit has found out about it."""

    site: Site
    params: Mapping[str, str]
    """What the path's `{name}` parts matched."""
    _reference: str | None = None

    @property
    def zone(self) -> str:
        """The network zone that it comes from."""
        return self.site.zones.of(*self._came_by)

    @property
    def address(self) -> Address | None:
        """That of the client; None if a proxy of ours did not say."""
        return self.site.zones.address(*self._came_by)

    @property
    def _came_by(self) -> tuple[str, str | None]:
        peer = self.scope["client"][0] if self.scope.get("client") else ""
        return peer, ",".join(self.headers.getlist("x-forwarded-for")) or None

    @property
    def from_proxy(self) -> bool:
        """Whether one of our proxies sent it, and not a client that reached the port past them."""
        return self.site.zones.trusts(self.scope["client"][0] if self.scope.get("client") else "")

    @property
    def reference(self) -> str:
        """A code by which support finds this request in the audit record."""
        if self._reference is None:
            self._reference = reference(self.site.entropy)
        return self._reference

    def query(self) -> Fields:
        """Raises: MalformedFields."""
        return Fields.parse(self.scope["query_string"])

    async def form(self) -> Fields:  # type: ignore[override]  # ours keeps repetition visible
        """The fields of an urlencoded body. Raises: MalformedFields, Problem (too large)."""
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/x-www-form-urlencoded":
            raise MalformedFields(content_type)
        return Fields.parse(await self.limited_body())

    async def limited_body(self, limit: int = BODY_LIMIT) -> bytes:
        """Raises: Problem (too large, before the rest is read; too slow), ClientDisconnect."""
        if self.scope.get(WHOLE):
            return await self._chunks(limit)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._chunks(limit)
        except TimeoutError:
            raise too_slow() from None

    async def _chunks(self, limit: int) -> bytes:
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size > limit:
                raise too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    async def own_form(self, bound_to: str | None) -> Fields:
        """The fields of a form on one of our own pages, shown to the browser that holds this secret.

        Raises: Problem, if it was not sent from our page or not by that browser.
        """
        found = await self._form_bound_to(bound_to)
        if isinstance(found, Fields):
            return found
        event = FormRefused(
            at=self.site.clock.now(),
            actor=UNKNOWN,
            reference=self.reference,
            form=self.scope["path"].split("/", 2)[1],
            reason=found,
        )
        await self.site.record(event)
        raise not_from_here()

    async def _form_bound_to(self, secret: str | None) -> Fields | Forged:
        """Raises: Problem (too large, too slow)."""
        if secret is None:
            return Forged.NO_COOKIE
        if not csrf.same_origin(self.headers, origins=self.site.origins):
            return Forged.OTHER_ORIGIN
        try:
            fields = await self.form()
            given = fields.get("csrf")
        except ValueError:
            return Forged.MALFORMED
        return fields if csrf.matches(self.site.csrf_key, secret, given) else Forged.WRONG_TOKEN


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path, `{name}` standing for one segment (not the first), and a handler for each method.

    HEAD is answered where a route says so: a mail filter or a link checker that looks ahead must not log anybody in or
    out (RFC 9110 section 9.2.1). Routes of one path may come apart, so long as no method comes twice.
    """

    path: str
    handlers: Mapping[str, Handler]


def get(path: str, handler: Handler) -> Route:
    """For what only reads: HEAD is answered too."""
    return Route(path, {"GET": handler, "HEAD": handler})


def get_alone(path: str, handler: Handler) -> Route:
    """For what takes a step of a log-in, or may: no HEAD."""
    return Route(path, {"GET": handler})


def post(path: str, handler: Handler) -> Route:
    return Route(path, {"POST": handler})


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    form_action: Iterable[str] = (),
    frame_src: Iterable[str] = (),
    blanks: Mapping[str, str | None] | None = None,
    **context: Any,
) -> Response:
    """A page of ours, never stored by a cache. `form_action`: origins besides our own that a form may lead to;
    `frame_src`: origins that it may show in a frame; `blanks`: as in `Pages.fill_in`, for pages that many are shown."""
    context.setdefault("language", "en")
    pages = request.site.pages
    text = pages.render(template, **context) if blanks is None else pages.fill_in(template, blanks, **context)
    response = HTMLResponse(text, status)
    response.raw_headers.append((b"content-security-policy", headers.content_security_policy(form_action, frame_src)))
    response.raw_headers.append(headers.NO_STORE)
    return response


def see_other(address: str) -> Response:
    response = RedirectResponse(address, 303)
    response.raw_headers.append(headers.NO_STORE)
    return response


def problem_page(request: Request, problem: Problem) -> Response:
    return page(request, "web/problem.html", status=problem.status, problem=problem, reference=request.reference)


__all__ = [
    "Handler",
    "Request",
    "Response",
    "Route",
    "Site",
    "get",
    "get_alone",
    "page",
    "post",
    "problem_page",
    "see_other",
]
