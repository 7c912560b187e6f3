"""Tells applications, server to server, that a session has ended (OpenID Connect Back-Channel Logout 1.0).

What is to be told stands in the store since the moment of the end, so that a crash in between loses nothing. Any
number of nodes may work on it: a delivery is in one hand at a time. A worker that dies with one in hand may have
sent it, so an application may be told twice; it is never told nothing.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

import structlog

from carekey.kernel.actor import system
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy, token
from carekey.kernel.ids import ClientId, IssuerName
from carekey.kernel.unit_of_work import Store
from carekey.oidc import subject
from carekey.oidc.fetch import TIME_LIMIT, FetchFailed, Post
from carekey.oidc.logout import logout_token, retry
from carekey.oidc.logout.events import LogoutDelivered, LogoutUndelivered
from carekey.oidc.model import Client, Issuer
from carekey.oidc.ports import OidcTx
from carekey.oidc.tokens.signing import Signs
from carekey.sessions.model import DeliveryState, LogoutDelivery

AT_ONCE = 8
"""Requests to one application. One that hangs keeps its own waiting, and nobody else's."""
ALTOGETHER = 32
LEASE = timedelta(seconds=12 * TIME_LIMIT)
"""Longer than any try can take, so that nobody else takes up what is still under way."""
WORKER = system("back-channel logout")

TxT = TypeVar("TxT", bound=OidcTx)

log = structlog.get_logger()


class Posts(Protocol):
    """The part of `oidc.fetch.Fetcher` that is needed here."""

    def posting(self, url: str) -> AbstractAsyncContextManager[Post]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    issuer: Issuer
    signer: Signs
    fetcher: Posts


@dataclass(frozen=True, slots=True)
class _Tried:
    delivery: LogoutDelivery
    verdict: retry.Verdict
    outcome: str


class BackChannel(Generic[TxT]):
    def __init__(self, senders: Iterable[Sender], *, store: Store[TxT], clock: Clock, entropy: Entropy) -> None:
        self._senders = {sender.issuer.name: sender for sender in senders}
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._room = asyncio.Semaphore(ALTOGETHER)
        self._signing = asyncio.Lock()
        """One signature in a turn of the loop. All at once would hold up whoever logs in meanwhile for their whole sum."""
        self._under_way: dict[tuple[IssuerName, ClientId], asyncio.Task[None]] = {}

    async def begin(self) -> None:
        """See to every application that has something due and is not being seen to. Returns before that is done."""
        now = self._clock.now()
        for issuer, client in await self._store.read(lambda tx: tx.logout_deliveries.due(now=now)):
            if issuer in self._senders and (issuer, client) not in self._under_way:
                task = asyncio.create_task(self._deliver_to(self._senders[issuer], client))
                self._under_way[issuer, client] = task
                task.add_done_callback(lambda done, key=(issuer, client): self._ended(key, done))  # type: ignore[misc]

    async def deliver(self) -> None:
        """Everything that is due now, to the end."""
        await self.begin()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def stop(self) -> None:
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _ended(self, key: tuple[IssuerName, ClientId], task: asyncio.Task[None]) -> None:
        del self._under_way[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("logout-delivery:failed", issuer=key[0], client=key[1], kind=type(error).__name__, exc_info=error)

    async def _deliver_to(self, sender: Sender, client_id: ClientId) -> None:
        async with AsyncExitStack() as connections:
            posts: dict[str, Post] = {}
            while batch := await self._claim(sender.issuer.name, client_id):
                client = await self._store.read(lambda tx: tx.clients.find(sender.issuer.name, client_id))
                if client is None or (address := client.backchannel_logout_uri) is None:
                    given_up = retry.Verdict(DeliveryState.GIVEN_UP)
                    await self._note([_Tried(one, given_up, "no_address") for one in batch])
                    continue
                await sender.signer.refresh(self._clock.now(), alg=client.id_token_alg)
                if address not in posts:  # batches follow each other on the same connections
                    posts[address] = await connections.enter_async_context(sender.fetcher.posting(address))
                tries = (self._try(sender, one, posts[address], client) for one in batch)
                await self._note(await asyncio.gather(*tries))

    async def _claim(self, issuer: IssuerName, client: ClientId) -> Sequence[LogoutDelivery]:
        now = self._clock.now()
        return await self._store.write(
            lambda tx: tx.logout_deliveries.claim(issuer, client, now=now, until=now + LEASE, limit=AT_ONCE)
        )

    async def _try(self, sender: Sender, delivery: LogoutDelivery, post: Post, client: Client) -> _Tried:
        async with self._room:
            # Made for this try: a token of an earlier one could be too old by now.
            claims = logout_token.claims(
                delivery,
                sub=subject.of(delivery.person, client, sender.issuer),
                issuer=sender.issuer,
                jti=token(self._entropy, size=16),
                issued_at=self._clock.now(),
            )
            async with self._signing:
                await asyncio.sleep(0)
                signed = sender.signer.sign(claims, alg=client.id_token_alg)
            try:
                status = await post({"logout_token": signed})
            except FetchFailed as failed:
                return _Tried(delivery, retry.judge(None, tries=delivery.tries), failed.flaw)
        return _Tried(delivery, retry.judge(status, tries=delivery.tries), str(status))

    async def _note(self, tried: Sequence[_Tried]) -> None:
        now = self._clock.now()

        def note(tx: TxT) -> None:
            for one in tried:
                after = one.verdict.again_after
                again_at = None if after is None else now + after
                settled = tx.logout_deliveries.settle(
                    one.delivery, state=one.verdict.state, outcome=one.outcome, at=now, again_at=again_at
                )
                delivered = one.verdict.state is DeliveryState.DELIVERED
                event = LogoutDelivered if delivered else LogoutUndelivered
                # On record even if another worker has it in hand by now: it was sent.
                tx.audit.record(
                    event(
                        at=now,
                        actor=WORKER,
                        issuer=one.delivery.issuer,
                        client=one.delivery.client,
                        session=one.delivery.session,
                        person=one.delivery.person,
                        tries=one.delivery.tries,
                        outcome=one.outcome,
                        last=settled and again_at is None,
                    )
                )

        await self._store.write(note)
