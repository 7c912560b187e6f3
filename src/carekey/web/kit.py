"""Requests, routes and the dispatcher.

Starlette's request and response classes; a dispatcher of our own, because half of a small request's time
goes into Starlette's router and middleware (docs/adr/0002-dispatcher.md). A handler is an async function
from Request to Response.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.requests import Request as StarletteRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy, reference
from carekey.web import csrf, headers
from carekey.web.cookies import Cookies
from carekey.web.fields import Fields, MalformedFields
from carekey.web.problem import Problem, fault, not_found, not_from_here, too_large
from carekey.web.templating import Pages
from carekey.web.zones import Zones

BODY_LIMIT = 64 * 1024
"""Bytes. Nothing that is sent to CareKey in a form or as JSON comes near it."""

log = structlog.get_logger()


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


class Request(StarletteRequest):
    """A request with what the kit has found out about it."""

    site: Site
    params: Mapping[str, str]
    """What the path's `{name}` parts matched."""
    _reference: str | None = None

    @property
    def zone(self) -> str:
        """The network zone that it comes from."""
        peer = self.scope["client"][0] if self.scope.get("client") else ""
        forwarded = self.headers.getlist("x-forwarded-for")
        return self.site.zones.of(peer, ",".join(forwarded) or None)

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
        """Raises: Problem (too large), before the rest is read."""
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > limit:
                raise too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    async def own_form(self, bound_to: str | None) -> Fields:
        """The fields of a form on one of our own pages, shown to the browser that holds this secret.

        Raises: Problem, if it was not sent from our page or not by that browser.
        """
        if bound_to is None or not csrf.same_origin(self.headers, origins=self.site.origins):
            raise not_from_here()
        try:
            fields = await self.form()
            given = fields.get("csrf")
        except ValueError:
            raise not_from_here() from None
        if not csrf.matches(self.site.csrf_key, bound_to, given):
            raise not_from_here()
        return fields


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path, `{name}` standing for one segment, and a handler for each method. GET answers HEAD too."""

    path: str
    handlers: Mapping[str, Handler]


def get(path: str, handler: Handler) -> Route:
    return Route(path, {"GET": handler})


def post(path: str, handler: Handler) -> Route:
    return Route(path, {"POST": handler})


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    form_action: Iterable[str] = (),
    **context: Any,
) -> Response:
    """A page of ours, never stored by a cache. `form_action`: origins besides our own that a form may lead to."""
    context.setdefault("language", "en")
    response = HTMLResponse(request.site.pages.render(template, **context), status)
    response.raw_headers.append((b"content-security-policy", headers.content_security_policy(form_action)))
    response.raw_headers.append(headers.NO_STORE)
    return response


def see_other(address: str) -> Response:
    response = RedirectResponse(address, 303)
    response.raw_headers.append(headers.NO_STORE)
    return response


def problem_page(request: Request, problem: Problem) -> Response:
    return page(request, "web/problem.html", status=problem.status, problem=problem, reference=request.reference)


class Dispatcher:
    """An ASGI application made of routes."""

    def __init__(self, routes: Iterable[Route], site: Site) -> None:
        self._site = site
        self._headers = headers.common(secure=site.secure)
        self._exact: dict[str, Mapping[str, Handler]] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], Mapping[str, Handler]]]] = {}
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        if "{" not in route.path:
            if route.path in self._exact:
                raise ValueError(f"two routes for {route.path}")
            self._exact[route.path] = route.handlers
            return
        parts = re.split(r"\{(\w+)\}", route.path)
        pattern = "".join(
            f"(?P<{part}>[^/]+)" if position % 2 else re.escape(part) for position, part in enumerate(parts)
        )
        first = route.path.split("/", 2)[1]
        self._patterns.setdefault(first, []).append((re.compile(pattern), route.handlers))

    def _find(self, path: str) -> tuple[Mapping[str, Handler], Mapping[str, str]] | None:
        handlers = self._exact.get(path)
        if handlers is not None:
            return handlers, {}
        for pattern, candidates in self._patterns.get(path.split("/", 2)[1] if "/" in path else "", ()):
            if match := pattern.fullmatch(path):
                return candidates, match.groupdict()
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        request.site = self._site
        response = await self._answer(request)
        response.raw_headers.extend(self._headers)
        if scope["method"] == "HEAD":
            response.body = b""
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            found = self._find(request.scope["path"])
            if found is None:
                raise not_found()
            handlers, request.params = found
            method = "GET" if request.method == "HEAD" else request.method
            handler = handlers.get(method)
            if handler is None:
                return _method_not_allowed(handlers)
            return await handler(request)
        except Problem as problem:
            return problem_page(request, problem)
        except MalformedFields:
            return problem_page(request, _malformed())
        except Exception as error:  # the last resort: whatever it was, the person gets a page and support a code
            log.exception("request:failed", reference=request.reference, kind=type(error).__name__)
            return problem_page(request, fault())


def _malformed() -> Problem:
    return Problem(
        status=400,
        heading="What was sent could not be read",
        what_to_do=("Go back to your application and start again.",),
    )


def _method_not_allowed(handlers: Mapping[str, Handler]) -> Response:
    allowed = sorted({*handlers, *({"HEAD"} if "GET" in handlers else ())})
    return Response(status_code=405, headers={"allow": ", ".join(allowed)})


__all__ = [
    "ASGIApp",
    "Dispatcher",
    "Handler",
    "Request",
    "Response",
    "Route",
    "Site",
    "get",
    "page",
    "post",
    "problem_page",
    "see_other",
]
