"""The Connection Manager at its routes, which `connection_manager_api.py` lists (cis2-profile section 9.2)."""

from collections.abc import Iterable

from starlette.responses import Response

from carekey.oidc.clients.connection_manager import Call, ConnectionManager
from carekey.oidc.clients.connection_manager_api import OPERATIONS
from carekey.oidc.clients.http import bearer, challenge, read_metadata
from carekey.oidc.errors import OAuthError
from carekey.oidc.http import RawHeader, for_clients, json_answer
from carekey.web.fields import MalformedFields, RepeatedField
from carekey.web.kit import Handler, Request, Route


class ConnectionManagerHttp:
    def __init__(self, manager: ConnectionManager) -> None:
        self._manager = manager
        self._handlers = {
            "authenticate": self._authenticate,
            "configs": self._configs,
            "create": self._create,
            "read": self._read,
            "update": self._update,
            "disable": self._disable,
        }

    def routes(self) -> list[Route]:
        of_path: dict[str, dict[str, Handler]] = {}
        for one in OPERATIONS:
            challenges = _secret_challenge if one.scheme == "secret" else challenge
            of_path.setdefault(one.path, {})[one.method] = for_clients(self._handlers[one.name], challenges)
        return [Route(path, handlers) for path, handlers in of_path.items()]

    async def _authenticate(self, request: Request) -> Response:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        shown = secret.strip() or None if scheme.lower() == "secretauth" else None
        return json_answer(
            await self._manager.authenticate(shown, now=request.site.clock.now(), reference=request.reference)
        )

    async def _configs(self, request: Request) -> Response:
        return json_answer(await self._manager.configs(_call(request)))

    async def _create(self, request: Request) -> Response:
        return json_answer(await self._manager.create(_call(request), lambda: read_metadata(request)), status=201)

    async def _read(self, request: Request) -> Response:
        return json_answer(await self._manager.read(_call(request), request.params["id"]))

    async def _update(self, request: Request) -> Response:
        told = await self._manager.update(
            _call(request), request.params["id"], _hash(request), lambda: read_metadata(request)
        )
        return json_answer(told)

    async def _disable(self, request: Request) -> Response:
        return json_answer(
            await self._manager.disable(_call(request), request.params["id"], lambda: read_metadata(request))
        )


def _call(request: Request) -> Call:
    return Call(bearer(request), request.params["team"], request.site.clock.now(), request.reference)


def _hash(request: Request) -> str | None:
    """None for none, for several, and for one that cannot be read."""
    try:
        return request.query().get("hash")
    except (MalformedFields, RepeatedField):
        return None


def _secret_challenge(_: Request, error: OAuthError) -> Iterable[RawHeader]:
    return ((b"www-authenticate", b"SecretAuth"),) if error.status == 401 else ()
