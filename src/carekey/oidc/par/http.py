"""POST {issuer}/par."""

from starlette.responses import Response

from carekey.oidc import endpoints
from carekey.oidc.errors import OAuthError
from carekey.oidc.http import basic_challenge, for_clients, json_answer, read_form
from carekey.oidc.model import Issuer
from carekey.oidc.par.endpoint import PushedRequests
from carekey.web.kit import Request, Route, post


class ParHttp:
    def __init__(self, *, issuer: Issuer, endpoint: PushedRequests) -> None:
        self._issuer = issuer
        self._endpoint = endpoint

    def routes(self) -> list[Route]:
        return [post(endpoints.path(self._issuer, endpoints.PAR), for_clients(self._par, basic_challenge))]

    async def _par(self, request: Request) -> Response:
        now = request.site.clock.now()
        # Nothing is read from the query: addresses are kept in logs (RFC 6749 section 2.3.1).
        try:
            fields = await read_form(request)
        except OAuthError as error:
            await self._endpoint.record_stranger(error, claimed="", now=now, reference=request.reference)
            raise
        authorization = request.headers.get("authorization")
        told = await self._endpoint.answer(fields, authorization, now=now, reference=request.reference)
        return json_answer(told, status=201)
