"""POST {issuer}/introspect: JSON (RFC 7662), or signed for whom a plain answer does not do (RFC 9701)."""

from contextlib import suppress
from typing import Any

from starlette.responses import Response

from carekey.kernel.actor import client as client_actor
from carekey.kernel.unit_of_work import Store
from carekey.oidc import endpoints
from carekey.oidc.client_auth.authenticate import PARAMETERS, Authenticated, ClientAuthentication
from carekey.oidc.client_auth.http import challenge, client_form, credentials
from carekey.oidc.errors import InvalidClient, InvalidRequest, Reason
from carekey.oidc.events import IntrospectionRefused
from carekey.oidc.http import answer, for_clients, json_answer
from carekey.oidc.introspection.introspect import INACTIVE, Look, NotTheirs
from carekey.oidc.model import Client, ClientAuthMethod, Issuer
from carekey.oidc.ports import OidcTx
from carekey.oidc.profiles import demands
from carekey.oidc.tokens.own import OwnTokens
from carekey.oidc.tokens.signing import Signs
from carekey.web.headers import NO_STORE
from carekey.web.kit import Request, Route, post

_TYP = "token-introspection+jwt"
_MEDIA_TYPE = f"application/{_TYP}"
_READS = PARAMETERS | {"token", "token_type_hint"}


class IntrospectionHttp:
    def __init__(
        self,
        *,
        issuer: Issuer,
        store: Store[OidcTx],
        clients: ClientAuthentication,
        own: OwnTokens,
        signer: Signs,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._clients = clients
        self._own = own
        self._signer = signer

    def routes(self) -> list[Route]:
        return [post(endpoints.path(self._issuer, endpoints.INTROSPECTION), for_clients(self._introspect, challenge))]

    async def _introspect(self, request: Request) -> Response:
        fields, now = await client_form(request, self._clients), request.site.clock.now()
        authenticated = await self._clients.admit(
            fields, credentials(request), reads=_READS, now=now, reference=request.reference
        )
        client, token = authenticated.client, fields.get("token")
        if client.auth_method is ClientAuthMethod.NONE:  # who could be anybody could try out tokens (section 2.1)
            await self._record(request, authenticated, Reason.NOT_FOR_PUBLIC_CLIENTS)
            raise InvalidClient(reason=Reason.NOT_FOR_PUBLIC_CLIENTS)
        if token is None:
            await self._record(request, authenticated, Reason.MISSING_PARAMETER)
            raise InvalidRequest("token is missing", reason=Reason.MISSING_PARAMETER)
        await self._own.prepare(now)
        look = Look(issuer=self._issuer, client=client, own=self._own, now=now)

        def work(tx: OidcTx) -> dict[str, Any] | NotTheirs:
            authenticated.use_up(tx.assertions)
            return look.at(tx, token)

        # Nothing is written for a client that has no assertion to use up.
        seen = await (self._store.write(work) if authenticated.proven else self._store.read(work))
        if isinstance(seen, NotTheirs):
            await self._record(request, authenticated, Reason.TOKEN_FOR_ANOTHER_AUDIENCE)
            seen = INACTIVE
        return await self._answer(request, client, seen)

    async def _answer(self, request: Request, client: Client, seen: dict[str, Any]) -> Response:
        # A client that signs its messages takes no answer that anybody could have written (FAPI 2.0 Message Signing 5.5).
        signs = demands(self._issuer, client).require_signed_response
        if _MEDIA_TYPE not in request.headers.get("accept", "") and not signs:
            return json_answer(seen)
        now = request.site.clock.now()
        await self._signer.refresh(now, alg=client.introspection_alg)
        claims = {
            "iss": self._issuer.url,
            "aud": client.id,
            "iat": int(now.timestamp()),
            "token_introspection": seen,
        }
        signed = self._signer.sign(claims, alg=client.introspection_alg, typ=_TYP)
        return answer(signed.encode("ascii"), content_type=(b"content-type", _MEDIA_TYPE.encode()), headers=(NO_STORE,))

    async def _record(self, request: Request, authenticated: Authenticated, reason: Reason) -> None:
        event = IntrospectionRefused(
            at=request.site.clock.now(),
            actor=client_actor(authenticated.client.id),
            reference=request.reference,
            issuer=self._issuer.name,
            client=authenticated.client.id,
            reason=reason,
        )

        def work(tx: OidcTx) -> None:
            with suppress(InvalidClient):
                authenticated.use_up(tx.assertions)
            tx.audit.record(event)

        await self._store.write(work)
