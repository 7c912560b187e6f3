"""GET /openapi.json and GET /docs: the Connection Manager's operations, for programs and for people."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from carekey.oidc.clients.connection_manager import DEFAULTS
from carekey.oidc.clients.connection_manager_api import ERRORS, OPENAPI, OPERATIONS, PAGE, Operation, document
from carekey.oidc.clients.metadata_schema import members
from carekey.oidc.http import answer
from carekey.oidc.model import Issuer
from carekey.web.kit import Request, Response, Route, get, page

TEMPLATE = "clients/docs.html"


class ConnectionManagerDocs:
    def __init__(self, issuer: Issuer, *, server: str, version: str) -> None:
        """`issuer`: whose metadata is described. `server`: the origin that the API is at."""
        self._issuer = issuer
        self._server = server
        self._version = version

    def routes(self) -> list[Route]:
        return [get(OPENAPI, self._openapi), get(PAGE, self._page)]

    async def _openapi(self, request: Request) -> Response:
        told = document(self._server, self._version, self._members(request))
        return answer(msgspec.json.encode(told), headers=())

    def _members(self, request: Request) -> Mapping[str, Mapping[str, Any]]:
        return members(self._issuer, request.site.clock.now(), DEFAULTS)

    async def _page(self, request: Request) -> Response:
        return page(request, TEMPLATE, **context(self._server, self._members(request)))


def context(server: str, members: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """For the template."""
    return {
        "openapi": OPENAPI,
        "operations": [(one, _request(one, server), _pretty(one.answer)) for one in OPERATIONS],
        "refusals": [(str(status), code, why) for status, (code, why) in ERRORS.items()],
        "members": [(name, _words(kind)) for name, kind in members.items()],
    }


def _request(one: Operation, server: str) -> str:
    """As it goes over the wire."""
    host = server.partition("://")[2]
    query = "".join(f"?{name}=({name})" for name in one.query)
    told = "SecretAuth (the secret)" if one.scheme == "secret" else "Bearer (the access token)"
    lines = [f"{one.method} {one.path}{query} HTTP/1.1", f"Host: {host}", f"Authorization: {told}"]
    if one.body is not None:
        lines += ["Content-Type: application/json", "", _pretty(one.body)]
    return "\n".join(lines)


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _words(kind: Mapping[str, Any]) -> str:
    match kind:
        case {"enum": [*values]}:
            usual = f"; {kind['default']} if left out" if "default" in kind else ""
            return f"one of {_listed(values)}{usual}"
        case {"format": "uri"}:
            return "an https address"
        case {"type": "array"}:
            return "a list of texts"
        case {"type": "integer"}:
            return f"a number from {kind['minimum']}" + (f" to {kind['maximum']}" if "maximum" in kind else "")
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "object"}:
            return "an object"
        case _:
            return "a text"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values)
