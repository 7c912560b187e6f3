"""POST {issuer}/access_token."""

from starlette.responses import Response

from carekey.oidc import endpoints
from carekey.oidc.client_auth.authenticate import ClientAuthentication
from carekey.oidc.client_auth.http import challenge, client_form, credentials
from carekey.oidc.http import for_clients, json_answer, sent
from carekey.oidc.model import Issuer
from carekey.oidc.token.endpoint import TokenEndpoint
from carekey.web.kit import Request, Route, post


class TokenHttp:
    def __init__(self, *, issuer: Issuer, clients: ClientAuthentication, endpoint: TokenEndpoint) -> None:
        self._issuer = issuer
        self._clients = clients
        self._endpoint = endpoint

    def routes(self) -> list[Route]:
        return [post(endpoints.path(self._issuer, endpoints.TOKEN), for_clients(self._token, challenge))]

    async def _token(self, request: Request) -> Response:
        fields = await client_form(request, self._clients)
        here = sent(request, endpoints.address(self._issuer, endpoints.TOKEN))
        told = await self._endpoint.answer(
            fields, credentials(request), here, now=request.site.clock.now(), reference=request.reference
        )
        return json_answer(told)
