"""What happens to a pushed authorization request.

The request is judged as if the person had brought it, so that the client learns of a mistake before anybody is sent
anywhere; and judged again when the person arrives, since rules may have changed in between.

Source: RFC 9126 section 2.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from carekey.kernel.actor import client as client_actor
from carekey.kernel.entropy import Entropy, token
from carekey.kernel.unit_of_work import Store
from carekey.oidc import id_token_hint
from carekey.oidc.authorize import pushed
from carekey.oidc.authorize import request as requests
from carekey.oidc.authorize.arrival import RequestObjects
from carekey.oidc.authorize.authorization_details import DetailTypes
from carekey.oidc.authorize.errors import InvalidRequestObject, Reason, Unreturnable
from carekey.oidc.authorize.parameters import LIMITS, SIGNED, Arrival
from carekey.oidc.client_auth.authenticate import PARAMETERS, Authenticated, ClientAuthentication, Credentials
from carekey.oidc.errors import InvalidClient, InvalidRequest, OAuthError
from carekey.oidc.id_token_hint import Verifier
from carekey.oidc.model import Client, Issuer, PushedRequest
from carekey.oidc.par.events import PushRefused, RequestPushed
from carekey.oidc.parameters import check_once
from carekey.oidc.ports import OidcTx
from carekey.oidc.profiles import demands
from carekey.oidc.tokens.sealing import Sealer
from carekey.oidc.tokens.sender_constraint import JKT, NOTHING, SenderConstraints, Sent, Shown
from carekey.web.fields import Fields

_KNOWN = frozenset({*LIMITS, "resource"})


class PushedRequests:
    def __init__(
        self,
        *,
        issuer: Issuer,
        store: Store[OidcTx],
        clients: ClientAuthentication,
        objects: RequestObjects,
        scopes: Collection[str],
        details: DetailTypes,
        verifier: Verifier,
        constraints: SenderConstraints,
        sealer: Sealer,
        entropy: Entropy,
    ) -> None:
        """`scopes` and `details`: those that there are. `verifier`: the issuer's keys, for `id_token_hint`."""
        self._issuer = issuer
        self._store = store
        self._clients = clients
        self._objects = objects
        self._scopes = frozenset(scopes)
        self._details = details
        self._verifier = verifier
        self._constraints = constraints
        self._sealer = sealer
        self._entropy = entropy

    async def answer(
        self, fields: Fields, credentials: Credentials, sent: Sent, *, now: datetime, reference: str
    ) -> dict[str, Any]:
        """The members of a successful response (section 2.2). Raises: OAuthError, after recording it."""
        by = await self._clients.admit(fields, credentials, reads=PARAMETERS, now=now, reference=reference)
        shown = NOTHING
        try:
            arrival = await self._arrive(fields, by.client, now)
            shown = self._constraints.shown(sent, algs=demands(self._issuer, by.client).algs, now=now)
            bound = _bound(arrival, shown)
            await self._check(bound, by.client, now)
            secret = token(self._entropy)
            await self._store.write(lambda tx: self._keep(tx, bound, by, shown, secret, now, reference))
        except OAuthError as error:
            await self._record_refused(error, by, shown, now, reference)
            raise
        lifetime = self._issuer.pushed_lifetime
        return {"request_uri": pushed.request_uri(secret), "expires_in": int(lifetime.total_seconds())}

    async def _arrive(self, fields: Fields, client: Client, now: datetime) -> Arrival:
        """Raises: OAuthError."""
        check_once(fields, _KNOWN)
        if fields.get("request_uri") is not None:
            raise InvalidRequest("request_uri cannot be pushed", reason=Reason.REQUEST_URI_PUSHED)
        text = fields.get("request")
        if text is None:
            known = {name: value for name, value in fields.as_dict().items() if name in _KNOWN}
            return Arrival(fields=Fields.of({**known, "client_id": client.id}), pushed=True)
        if len(text) > LIMITS["request"]:
            raise InvalidRequestObject(reason=Reason.TOO_LARGE)
        opened = await self._objects.open(text, client, now=now)
        return Arrival(fields=opened.fields, pushed=True, signed=True)

    async def _check(self, arrival: Arrival, client: Client, now: datetime) -> None:
        """Raises: OAuthError."""
        if "id_token_hint" in arrival.fields:
            await self._verifier.refresh(now)
        try:
            to = requests.sender(arrival.fields, self._issuer, lambda _, name: client if name == client.id else None)
        except Unreturnable as error:
            raise InvalidRequest(_SAID.get(error.reason), reason=error.reason) from None
        request, _ = requests.read(
            arrival,
            to,
            self._issuer,
            supported=self._scopes,
            details=self._details,
            hinted=lambda hint: id_token_hint.read(hint, self._verifier, self._issuer),
        )
        if request.response_mode in SIGNED:
            await self._sealer.to(client, client.response_encryption, now=now)
        await self._sealer.check(client, request.scopes, now=now)

    def _keep(
        self,
        tx: OidcTx,
        arrival: Arrival,
        by: Authenticated,
        shown: Shown,
        secret: str,
        now: datetime,
        reference: str,
    ) -> None:
        by.use_up(tx.assertions)
        shown.use_up(tx)
        request = PushedRequest(
            issuer=self._issuer.name,
            client=by.client.id,
            parameters=arrival.fields.as_dict(),
            signed=arrival.signed,
            expires_at=now + self._issuer.pushed_lifetime,
        )
        tx.pushed_requests.put(pushed.key(secret), request)
        tx.audit.record(
            RequestPushed(
                at=now,
                actor=client_actor(by.client.id),
                reference=reference,
                issuer=self._issuer.name,
                client=by.client.id,
                signed=arrival.signed,
            )
        )

    async def _record_refused(
        self, error: OAuthError, by: Authenticated, shown: Shown, now: datetime, reference: str
    ) -> None:
        """Nothing came of the request; that its assertion and its proof were used stands."""
        event = PushRefused(
            at=now,
            actor=client_actor(by.client.id),
            reference=reference,
            issuer=self._issuer.name,
            client=by.client.id,
            error=error.code,
            reason=error.reason,
        )

        def work(tx: OidcTx) -> None:
            with suppress(InvalidClient):
                by.use_up(tx.assertions)
            with suppress(OAuthError):
                shown.use_up(tx)
            tx.audit.record(event)

        await self._store.write(work)


def _bound(arrival: Arrival, shown: Shown) -> Arrival:
    """The code will be bound to the key of the proof that came along (RFC 9449 section 10.1). Raises: InvalidRequest."""
    jkt = shown.confirmation.get(JKT)
    if jkt is None:
        return arrival
    parameters = arrival.fields.as_dict()
    if parameters.get("dpop_jkt") not in {None, "", jkt}:
        raise InvalidRequest("dpop_jkt is not the key of the DPoP proof", reason=Reason.DPOP_JKT)
    return replace(arrival, fields=Fields.of({**parameters, "dpop_jkt": jkt}))


_SAID: dict[StrEnum, str] = {
    Reason.NO_REDIRECT_URI: "redirect_uri is missing",
    Reason.UNREGISTERED_REDIRECT_URI: "redirect_uri is not registered",
}
