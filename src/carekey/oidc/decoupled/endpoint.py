"""What the endpoints have in common at which a client asks for a log-in elsewhere.

The client proves who it is, as at the token endpoint (RFC 8628 section 3.1; CIBA Core section 7.1).
"""

from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar, Protocol

from carekey.kernel.actor import client as client_actor
from carekey.kernel.unit_of_work import Store
from carekey.oidc.client_auth.authenticate import PARAMETERS, Authenticated, ClientAuthentication, Credentials
from carekey.oidc.decoupled.events import DecoupledRequestMade, DecoupledRequestRefused
from carekey.oidc.decoupled.model import DecoupledRequest, Kind
from carekey.oidc.errors import InvalidClient, OAuthError, Reason, UnauthorizedClient
from carekey.oidc.model import Issuer
from carekey.oidc.ports import OidcTx
from carekey.oidc.profiles import demands
from carekey.oidc.tokens.sealing import Sealer
from carekey.web.fields import Fields


class Asks(Protocol):
    """What differs."""

    kind: ClassVar[Kind]
    grant_type: ClassVar[str]

    async def ask(self, fields: Fields, by: Authenticated, *, now: datetime, reference: str) -> dict[str, Any]:
        """Keep the request; the members of the answer. Raises: OAuthError."""
        ...


class RequestEndpoint:
    def __init__(
        self, *, issuer: Issuer, store: Store[OidcTx], clients: ClientAuthentication, sealer: Sealer, asks: Asks
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._clients = clients
        self._sealer = sealer
        self._asks = asks

    async def answer(
        self, fields: Fields, credentials: Credentials, *, now: datetime, reference: str
    ) -> dict[str, Any]:
        """The members of a successful response. Raises: OAuthError, after recording it."""
        by = await self._clients.admit(fields, credentials, reads=PARAMETERS, now=now, reference=reference)
        try:
            self._check_allowed(by)
            await self._sealer.check(by.client, ("openid",), now=now)  # nobody should log in for nothing
            return await self._asks.ask(fields, by, now=now, reference=reference)
        except OAuthError as error:
            await self._record_refused(error, by, now, reference)
            raise

    def _check_allowed(self, by: Authenticated) -> None:
        if (lacking := demands(self._issuer, by.client).lacking) is not None:
            raise UnauthorizedClient(f"The client's profile needs {lacking}", reason=Reason.PROFILE_LACKS)
        if self._asks.grant_type not in by.client.grant_types:
            raise UnauthorizedClient(reason=Reason.GRANT_TYPE_NOT_REGISTERED)

    async def _record_refused(self, error: OAuthError, by: Authenticated, now: datetime, reference: str) -> None:
        """Nothing came of the request; that its assertion was used stands."""
        event = DecoupledRequestRefused(
            at=now,
            actor=client_actor(by.client.id),
            reference=reference,
            issuer=self._issuer.name,
            client=by.client.id,
            kind=self._asks.kind,
            error=error.code,
            reason=error.reason,
        )

        def work(tx: OidcTx) -> None:
            with suppress(InvalidClient):
                by.use_up(tx.assertions)
            tx.audit.record(event)

        await self._store.write(work)


def made(request: DecoupledRequest, *, signed: bool = False, reference: str) -> DecoupledRequestMade:
    """For the record."""
    return DecoupledRequestMade(
        at=request.requested_at,
        actor=client_actor(request.client),
        reference=reference,
        issuer=request.issuer,
        client=request.client,
        kind=request.kind,
        request=request.key.hex(),
        person=request.person or "",
        signed=signed,
    )
