"""Which handler answers a request, and what answers instead where none does.

A dispatcher of our own, because half of a small request's time goes into Starlette's router and middleware
(docs/adr/0002-dispatcher.md).
"""

import re
from collections.abc import Iterable, Mapping

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from carekey.kernel.unit_of_work import StoreUnavailable
from carekey.web import headers
from carekey.web.fields import MalformedFields, RepeatedField
from carekey.web.kit import Handler, Request, Route, Site, problem_page
from carekey.web.problem import Problem, fault, malformed, not_allowed, not_found, unavailable

log = structlog.get_logger()


class Dispatcher:
    """An ASGI application made of routes."""

    def __init__(self, routes: Iterable[Route], site: Site) -> None:
        self._site = site
        self._headers = headers.common(secure=site.secure)
        self._exact: dict[str, dict[str, Handler]] = {}
        self._patterns: dict[tuple[str, int], dict[str, tuple[re.Pattern[str], dict[str, Handler]]]] = {}
        """By their first segment and how many there are, then by the path as its route has it."""
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        if "{" not in route.path:
            known = self._exact.setdefault(route.path, {})
        else:
            first = route.path.split("/", 2)[1]
            if "{" in first:
                raise ValueError(f"the first segment of {route.path} is not fixed")
            alike = self._patterns.setdefault((first, route.path.count("/")), {})
            for other in alike:
                if other != route.path and _overlap(other, route.path):
                    raise ValueError(f"addresses of {route.path} lead to {other} too")
            _, known = alike.setdefault(route.path, (_pattern(route.path), {}))
        if twice := known.keys() & route.handlers.keys():
            raise ValueError(f"two routes for {min(twice)} {route.path}")
        known.update(route.handlers)

    def _find(self, path: str) -> tuple[str, Mapping[str, Handler], Mapping[str, str]] | None:
        """The path as its route has it, its handlers, and what its `{name}` parts match."""
        handlers = self._exact.get(path)
        if handlers is not None:
            return path, handlers, {}
        first = path.split("/", 2)[1] if "/" in path else ""
        for route, (pattern, candidates) in self._patterns.get((first, path.count("/")), {}).items():
            if match := pattern.fullmatch(path):
                return route, candidates, match.groupdict()
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        request.site = self._site
        try:
            response = await self._answer(request)
        except ClientDisconnect:  # nobody is left to answer
            return
        own = {name for name, _ in response.raw_headers}
        response.raw_headers.extend(header for header in self._headers if header[0] not in own)
        await response(scope, receive, _without_body(send) if scope["method"] == "HEAD" else send)

    async def _answer(self, request: Request) -> Response:
        try:
            found = self._find(request.scope["path"])
            if found is None:
                raise not_found()
            # For logs, without what is somebody's: /login/{id}/role.
            request.scope["route"], handlers, request.params = found
            handler = handlers.get(request.method)
            if handler is None:
                return _method_not_allowed(request, handlers)
            return await handler(request)
        except Problem as problem:
            return problem_page(request, problem)
        except (MalformedFields, RepeatedField):
            return problem_page(request, malformed())
        except ClientDisconnect:
            raise
        except StoreUnavailable as error:
            log.error("store:unavailable", reference=request.reference, why=str(error))  # noqa: TRY400 (no trace)
            return problem_page(request, unavailable())
        except Exception as error:  # the last resort: whatever it was, the person gets a page and support a code
            log.exception("request:failed", reference=request.reference, kind=type(error).__name__)
            return problem_page(request, fault())


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile(
        "".join(f"(?P<{part}>[^/]+)" if position % 2 else re.escape(part) for position, part in enumerate(parts))
    )


def _overlap(path: str, other: str) -> bool:
    """Whether an address may belong to both, which have equally many segments."""
    pairs = zip(path.split("/"), other.split("/"), strict=True)
    return all(one == two or "{" in one or "{" in two for one, two in pairs)


def _method_not_allowed(request: Request, handlers: Mapping[str, Handler]) -> Response:
    response = problem_page(request, not_allowed())
    response.headers["allow"] = ", ".join(sorted(handlers))
    return response


def _without_body(send: Send) -> Send:
    """An answer to HEAD: the headers of the answer to GET, its content-length included."""

    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return headers_only
