"""Tells clients what a person decided: pings those that then fetch their tokens, sends the others theirs (CIBA Core
sections 10.2, 10.3 and 12).

What is to be told stands in the store since the moment of the decision, or, should nobody decide, from the end of the
request on. Any number of nodes may work on it: a notification is in one hand at a time. One whose worker dies may
have been sent, and is sent again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from carekey.jose.sealing import Sealing
from carekey.kernel.actor import system
from carekey.kernel.bulkhead import Bulkhead
from carekey.kernel.clock import Clock
from carekey.kernel.due_work import DueWork
from carekey.kernel.unit_of_work import Store
from carekey.oidc.ciba.events import ClientNotified, ClientNotNotified
from carekey.oidc.ciba.push import Pushed
from carekey.oidc.ciba.request import Callback, sealing_purpose
from carekey.oidc.decoupled.model import DecoupledRequest, State
from carekey.oidc.errors import OAuthError
from carekey.oidc.fetch import TIME_LIMIT, FetchFailed
from carekey.oidc.logout import retry
from carekey.oidc.model import Client, Issuer, TokenDelivery
from carekey.oidc.ports import OidcTx
from carekey.sessions.model import DeliveryState

AT_ONCE = 4
"""Requests to one client."""
ALTOGETHER = 32
LOOKED_AT = 500
"""Rows read at a time."""
LEASE = timedelta(seconds=12 * TIME_LIMIT)
WORKER = system("backchannel authentication")

TxT = TypeVar("TxT", bound=OidcTx)

log = structlog.get_logger()
_callback = msgspec.json.Decoder(Callback)


class Notifies(Protocol):
    """The part of `oidc.fetch.Fetcher` that is needed here."""

    async def notify(self, url: str, body: bytes, *, bearer: str) -> int:
        """Send JSON; the status of the answer. Raises: FetchFailed."""
        ...


class Pushes(Protocol):
    """The part of `token.endpoint.TokenEndpoint` that is needed here."""

    async def push(self, pushed: Pushed, client: Client, *, now: datetime, reference: str) -> dict[str, Any]:
        """The members of a token response. Raises: OAuthError, after recording it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    issuer: Issuer
    tokens: Pushes
    fetcher: Notifies


class Notifications(DueWork[TxT, DecoupledRequest, bytes]):
    def __init__(self, notifiers: Iterable[Notifier], *, store: Store[TxT], sealing: Sealing, clock: Clock) -> None:
        super().__init__(
            store=store, clock=clock, bulkhead=Bulkhead(for_one=AT_ONCE, altogether=ALTOGETHER, failed=_log_failed)
        )
        self._notifiers = {one.issuer.name: one for one in notifiers}
        self._sealing = sealing

    def due(self, tx: TxT, *, now: datetime, after: DecoupledRequest | None) -> Sequence[DecoupledRequest]:
        return tx.decoupled_requests.due(now=now, limit=LOOKED_AT, after=after)

    def see_to(self, row: DecoupledRequest) -> None:
        if (by := self._notifiers.get(row.issuer)) is not None:
            self.bulkhead.begin(row.key, (row.issuer, row.client), partial(self._notify, by, row))

    async def _notify(self, by: Notifier, request: DecoupledRequest) -> None:
        until, tries = self.clock.now() + LEASE, request.tries + 1

        def take(tx: TxT) -> Client | None:
            claimed = tx.decoupled_requests.claim(request, until=until)
            return tx.clients.find(request.issuer, request.client) if claimed else None

        client = await self.store.write(take)
        if client is None:  # somebody else has it in hand; or it is gone, and so is its reason
            return
        verdict, outcome = retry.Verdict(DeliveryState.GIVEN_UP), "no_address"
        if client.ciba_notification_endpoint is not None and client.disabled_at is None:
            try:
                status = await self._send(by, request, client, client.ciba_notification_endpoint, tries)
                verdict, outcome = retry.judge(status, tries=tries), str(status)
            except FetchFailed as failed:
                verdict, outcome = retry.judge(None, tries=tries), failed.flaw
        await self._note(request, verdict, outcome, tries)

    async def _send(self, by: Notifier, request: DecoupledRequest, client: Client, url: str, tries: int) -> int:
        """Raises: FetchFailed."""
        purpose = sealing_purpose(request.issuer, request.key)
        callback = _callback.decode(self._sealing.open(request.callback or b"", purpose=purpose))
        body: dict[str, Any] = {"auth_req_id": callback.auth_req_id}
        if request.delivery is TokenDelivery.PUSH:
            body |= await self._pushed(by, request, client, callback, tries)
        return await by.fetcher.notify(url, msgspec.json.encode(body), bearer=callback.token)

    async def _pushed(
        self, by: Notifier, request: DecoupledRequest, client: Client, callback: Callback, tries: int
    ) -> Mapping[str, Any]:
        match request.state:
            case State.REFUSED:
                return {"error": "access_denied", "error_description": "The person refused, or could not log in"}
            case State.WAITING:
                return {"error": "expired_token", "error_description": "The person did not decide in time"}
            case State.AGREED:
                pushed = Pushed(key=request.key, auth_req_id=callback.auth_req_id, tries=tries)
                try:
                    return await by.tokens.push(pushed, client, now=self.clock.now(), reference="")
                except OAuthError:  # such as a session that has ended since
                    return {"error": "transaction_failed", "error_description": "What was agreed to no longer holds"}

    async def _note(self, request: DecoupledRequest, verdict: retry.Verdict, outcome: str, tries: int) -> None:
        now, after = self.clock.now(), verdict.again_after
        again_at = None if after is None else now + after
        said: dict[str, Any] = {
            "at": now,
            "actor": WORKER,
            "issuer": request.issuer,
            "client": request.client,
            "request": request.key.hex(),
            "delivery": request.delivery,
            "tries": tries,
            "outcome": outcome,
        }

        def note(tx: TxT) -> None:
            settled = tx.decoupled_requests.settle(request.key, tries=tries, again_at=again_at)
            # On record even if another worker has it in hand by now: it was sent.
            if verdict.state is DeliveryState.DELIVERED:
                tx.audit.record(ClientNotified(**said))
            else:
                tx.audit.record(ClientNotNotified(**said, last=settled and again_at is None))

        await self.store.write(note)


def _log_failed(key: bytes, error: BaseException) -> None:
    log.error("ciba-notification:failed", request=key.hex(), kind=type(error).__name__, exc_info=error)
