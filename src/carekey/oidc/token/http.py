"""POST {issuer}/access_token."""

from starlette.responses import Response

from carekey.oidc import endpoints
from carekey.oidc.errors import OAuthError
from carekey.oidc.http import basic_challenge, for_clients, json_answer, read_form
from carekey.oidc.model import Issuer
from carekey.oidc.token.endpoint import TokenEndpoint
from carekey.web.kit import Request, Route, post


class TokenHttp:
    def __init__(self, *, issuer: Issuer, endpoint: TokenEndpoint) -> None:
        self._issuer = issuer
        self._endpoint = endpoint

    def routes(self) -> list[Route]:
        return [post(endpoints.path(self._issuer, endpoints.TOKEN), for_clients(self._token, basic_challenge))]

    async def _token(self, request: Request) -> Response:
        now = request.site.clock.now()
        # Nothing is read from the query: addresses are kept in logs (RFC 6749 section 2.3.1).
        try:
            fields = await read_form(request)
        except OAuthError as error:
            await self._endpoint.record_stranger(error, claimed="", now=now, reference=request.reference)
            raise
        authorization = request.headers.get("authorization")
        return json_answer(await self._endpoint.answer(fields, authorization, now=now, reference=request.reference))
