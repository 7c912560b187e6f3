"""POST {issuer}/token/revoke (RFC 7009)."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from carekey.kernel.actor import client as client_actor
from carekey.kernel.unit_of_work import Store
from carekey.oidc import endpoints
from carekey.oidc.client_auth.authenticate import PARAMETERS, Authenticated, ClientAuthentication
from carekey.oidc.client_auth.http import challenge, client_form, credentials
from carekey.oidc.errors import InvalidClient, InvalidGrant, InvalidRequest, OAuthError, Reason
from carekey.oidc.events import RevocationRefused, TokenRevoked
from carekey.oidc.http import answer, for_clients
from carekey.oidc.model import Client, Issuer
from carekey.oidc.ports import OidcTx
from carekey.oidc.tokens.own import OwnTokens
from carekey.oidc.tokens.refresh_token import Handle
from carekey.web.headers import NO_STORE
from carekey.web.kit import Request, Route, post

_READS = PARAMETERS | {"token", "token_type_hint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One client's wish to be rid of a token. Of a token that is not known, or no longer good, nothing is said: the
    client has what it wants (section 2.2)."""

    issuer: Issuer
    client: Client
    own: OwnTokens
    now: datetime
    reference: str

    def of(self, tx: OidcTx, text: str) -> None:
        """Raises: InvalidGrant, if the token is another client's; nothing is revoked then."""
        handle = self.own.refresh(text)
        if handle is not None:
            self._refresh(tx, handle)
        elif (key := self.own.access(text)) is not None:
            self._access(tx, key)

    def _refresh(self, tx: OidcTx, handle: Handle) -> None:
        """Any token of the family will do, used ones too, and all that was bought goes (section 2.1)."""
        family = tx.refresh_families.find(handle.family)
        if family is None:
            return
        self._check_ownership(family.grant.issuer, family.grant.client)
        if tx.refresh_families.revoke(family.code, at=self.now):
            revoked = tx.access_tokens.revoke_bought(family.code, at=self.now)
            self._record(tx, "refresh_token", family.grant.person, family.grant.session, revoked)

    def _access(self, tx: OidcTx, key: bytes) -> None:
        token = tx.access_tokens.find(key)
        if token is None:
            return
        self._check_ownership(token.issuer, token.client)
        if tx.access_tokens.revoke(key, at=self.now):
            self._record(tx, "access_token", token.person or "", token.session or "", 1)

    def _check_ownership(self, issuer: str, client: str) -> None:
        if (issuer, client) != (self.issuer.name, self.client.id):
            raise InvalidGrant(reason=Reason.TOKEN_OF_ANOTHER_CLIENT)

    def _record(self, tx: OidcTx, kind: str, person: str, session: str, revoked: int) -> None:
        tx.audit.record(
            TokenRevoked(
                at=self.now,
                actor=client_actor(self.client.id),
                reference=self.reference,
                issuer=self.issuer.name,
                client=self.client.id,
                kind=kind,
                person=person,
                session=session,
                revoked=revoked,
            )
        )


class RevocationHttp:
    def __init__(self, *, issuer: Issuer, store: Store[OidcTx], clients: ClientAuthentication, own: OwnTokens) -> None:
        self._issuer = issuer
        self._store = store
        self._clients = clients
        self._own = own

    def routes(self) -> list[Route]:
        return [post(endpoints.path(self._issuer, endpoints.REVOCATION), for_clients(self._revoke, challenge))]

    async def _revoke(self, request: Request) -> Response:
        fields, now = await client_form(request, self._clients), request.site.clock.now()
        authenticated = await self._clients.admit(
            fields, credentials(request), reads=_READS, now=now, reference=request.reference
        )
        await self._own.prepare(now)
        revocation = Revocation(
            issuer=self._issuer, client=authenticated.client, own=self._own, now=now, reference=request.reference
        )
        token = fields.get("token")

        def work(tx: OidcTx) -> None:
            authenticated.use_up(tx.assertions)
            if token is None:
                raise InvalidRequest("token is missing", reason=Reason.MISSING_PARAMETER)
            revocation.of(tx, token)

        try:
            await self._store.write(work)
        except OAuthError as error:
            await self._record_refused(error, authenticated, now, request.reference)
            raise
        return answer(b"", headers=(NO_STORE,))

    async def _record_refused(
        self, error: OAuthError, authenticated: Authenticated, now: datetime, reference: str
    ) -> None:
        event = RevocationRefused(
            at=now,
            actor=client_actor(authenticated.client.id),
            reference=reference,
            issuer=self._issuer.name,
            client=authenticated.client.id,
            error=error.code,
            reason=error.reason,
        )

        def work(tx: OidcTx) -> None:
            with suppress(InvalidClient):
                authenticated.use_up(tx.assertions)
            tx.audit.record(event)

        await self._store.write(work)
