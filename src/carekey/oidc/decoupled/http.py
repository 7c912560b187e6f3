"""POST {issuer}/device_authorization and {issuer}/bc-authorize."""

from starlette.responses import Response

from carekey.oidc.client_auth.authenticate import ClientAuthentication
from carekey.oidc.client_auth.http import challenge, client_form, credentials
from carekey.oidc.decoupled.endpoint import RequestEndpoint
from carekey.oidc.http import for_clients, json_answer
from carekey.web.kit import Request, Route, post


class DecoupledHttp:
    def __init__(self, *, path: str, clients: ClientAuthentication, endpoint: RequestEndpoint) -> None:
        self._path = path
        self._clients = clients
        self._endpoint = endpoint

    def routes(self) -> list[Route]:
        return [post(self._path, for_clients(self._ask, challenge))]

    async def _ask(self, request: Request) -> Response:
        fields = await client_form(request, self._clients)
        told = await self._endpoint.answer(
            fields, credentials(request), now=request.site.clock.now(), reference=request.reference
        )
        return json_answer(told)
