"""Logout deliveries."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from carekey.kernel.ids import ClientId, IssuerName, SessionId
from carekey.sessions.model import DeliveryState, LogoutDelivery, Session
from carekey.storage import Store, Tx
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, CLIENT, ISSUER, LATER, NOW, SESSION
from carekey.storage.store import DELIVERIES_KEPT

ADDRESS = "https://ward.example/backchannel-logout"
CLINIC, DEAF, UNKNOWN = ClientId("clinic"), ClientId("deaf"), ClientId("unknown")
QUEUED = LogoutDelivery(session=SESSION, client=CLIENT, issuer=ISSUER, person=ASHA, queued_at=NOW, due_at=NOW)


async def queued(store: Store, *sessions: SessionId, at: datetime = NOW) -> None:
    """Ended sessions, each with two clients that can be told, one that cannot and one that is gone."""

    def work(tx: Tx) -> None:
        for told in (CLIENT, CLINIC):
            tx.clients.add(samples.client(id=told, backchannel_logout_uri=ADDRESS))
        tx.clients.add(samples.client(id=DEAF))
        for id in sessions or (SESSION,):
            session = samples.session(id=id, digest=id.encode())
            tx.sessions.start(session)
            for client in (CLIENT, CLINIC, DEAF, UNKNOWN):
                tx.sessions.joined(id, client)
            tx.sessions.end(id, at=at)
            tx.logout_deliveries.queue(session, at=at)

    await store.write(work)


class LogoutDeliveriesContract:
    async def test_one_is_queued_for_each_client_that_has_an_address(self, store: Store) -> None:
        await queued(store)
        found = list(await store.read(lambda tx: tx.logout_deliveries.of_session(SESSION)))
        assert found == [replace(QUEUED, client=CLINIC), QUEUED]
        assert list(await store.read(lambda tx: tx.logout_deliveries.of_session(SessionId("none")))) == []

    async def test_what_is_queued_goes_with_the_transaction(self, store: Store) -> None:
        await queued(store)

        def fail(tx: Tx) -> None:
            other = samples.session(id=SessionId("other"), digest=b"o")
            tx.sessions.start(other)
            tx.sessions.joined(other.id, CLIENT)
            tx.logout_deliveries.queue(other, at=NOW)
            raise LookupError

        for _ in range(2):
            try:
                await store.write(fail)
            except LookupError:
                continue
        assert len(await store.read(lambda tx: tx.logout_deliveries.of_client(ISSUER, CLIENT, limit=9))) == 1

    async def test_what_is_due_is_claimed_until_a_moment(self, store: Store) -> None:
        await queued(store)
        early = NOW - samples.MICROSECOND
        assert list(await store.read(lambda tx: tx.logout_deliveries.due(now=early))) == []
        assert list(await store.read(lambda tx: tx.logout_deliveries.due(now=NOW))) == [
            (ISSUER, CLINIC),
            (ISSUER, CLIENT),
        ]

        def claim(now: datetime, until: datetime, client: ClientId = CLIENT, issuer: IssuerName = ISSUER) -> object:
            return lambda tx: list(tx.logout_deliveries.claim(issuer, client, now=now, until=until, limit=9))

        assert await store.write(claim(early, LATER)) == []  # type: ignore[arg-type]
        assert await store.write(claim(NOW, LATER, issuer=IssuerName("sandbox"))) == []  # type: ignore[arg-type]
        assert await store.write(claim(NOW, LATER)) == [replace(QUEUED, tries=1, due_at=LATER)]  # type: ignore[arg-type]
        assert await store.write(claim(NOW, LATER)) == []  # type: ignore[arg-type]
        assert list(await store.read(lambda tx: tx.logout_deliveries.due(now=NOW))) == [(ISSUER, CLINIC)]
        again = LATER + timedelta(minutes=1)
        assert await store.write(claim(LATER, again)) == [replace(QUEUED, tries=2, due_at=again)]  # type: ignore[arg-type]

    async def test_the_limit_takes_those_that_wait_longest(self, store: Store) -> None:
        await queued(store, SessionId("c"), at=LATER)
        await queued(store, SessionId("b"), SessionId("a"))
        first = await store.write(
            lambda tx: [
                row.session
                for row in tx.logout_deliveries.claim(
                    ISSUER, CLIENT, now=LATER, until=LATER + timedelta(minutes=1), limit=2
                )
            ]
        )
        assert first == ["a", "b"]

    async def test_only_the_try_in_hand_settles(self, store: Store) -> None:
        await queued(store)
        first, second = NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)

        def claim(now: datetime, until: datetime) -> object:
            return lambda tx: tx.logout_deliveries.claim(ISSUER, CLIENT, now=now, until=until, limit=9)[0]

        slow: LogoutDelivery = await store.write(claim(NOW, first))  # type: ignore[arg-type]
        quick: LogoutDelivery = await store.write(claim(first, second))  # type: ignore[arg-type]
        done = DeliveryState.DELIVERED
        settle = "200"
        assert not await store.write(
            lambda tx: tx.logout_deliveries.settle(slow, state=done, outcome=settle, at=second)
        )
        assert await store.write(
            lambda tx: tx.logout_deliveries.settle(
                quick, state=DeliveryState.WAITING, outcome="500", at=second, again_at=LATER
            )
        )
        waiting = replace(QUEUED, tries=2, due_at=LATER, outcome="500")
        assert list(await store.read(lambda tx: tx.logout_deliveries.of_client(ISSUER, CLIENT, limit=9))) == [waiting]
        third: LogoutDelivery = await store.write(claim(LATER, LATER + timedelta(minutes=1)))  # type: ignore[arg-type]
        assert await store.write(lambda tx: tx.logout_deliveries.settle(third, state=done, outcome="200", at=LATER))
        assert not await store.write(lambda tx: tx.logout_deliveries.settle(third, state=done, outcome="200", at=LATER))
        settled = replace(QUEUED, tries=3, due_at=None, state=done, outcome="200", settled_at=LATER)
        assert list(await store.read(lambda tx: tx.logout_deliveries.of_client(ISSUER, CLIENT, limit=9))) == [settled]
        late = LATER + timedelta(days=1)
        assert list(await store.read(lambda tx: tx.logout_deliveries.due(now=late))) == [(ISSUER, CLINIC)]

    async def test_of_a_client_the_latest_come_first(self, store: Store) -> None:
        await queued(store, SessionId("old"))
        await queued(store, SessionId("new"), at=LATER)
        found = await store.read(lambda tx: tx.logout_deliveries.of_client(ISSUER, CLIENT, limit=9))
        assert [row.session for row in found] == ["new", "old"]
        assert len(await store.read(lambda tx: tx.logout_deliveries.of_client(ISSUER, CLIENT, limit=1))) == 1

    async def test_two_workers_at_once_never_have_the_same_in_hand(self, store: Store, other: Store) -> None:
        many = [SessionId(f"session-{number:02}") for number in range(20)]
        await queued(store, *many)
        taken = race(
            [store, other],
            lambda tx: [
                row.session for row in tx.logout_deliveries.claim(ISSUER, CLIENT, now=NOW, until=LATER, limit=5)
            ],
        )
        every = [id for each in taken for id in each]
        assert len(every) == len(set(every))
        left = await store.write(
            lambda tx: [
                row.session for row in tx.logout_deliveries.claim(ISSUER, CLIENT, now=NOW, until=LATER, limit=99)
            ]
        )
        assert sorted([*every, *left]) == many

    async def test_who_joins_while_the_session_ends_is_told_or_refused(self, store: Store, other: Store) -> None:
        """Either the client is among those to be told, or it got no tokens: never neither."""
        await store.write(
            lambda tx: [
                tx.clients.add(samples.client(id=ClientId(str(number)), backchannel_logout_uri=ADDRESS))
                for number in range(RACERS)
            ]
        )
        for round in range(5):
            session = samples.session(id=SessionId(str(round)), digest=str(round).encode())
            await store.write(lambda tx, session=session: tx.sessions.start(session))  # type: ignore[misc]
            joined = race([store, other], _end(session), *(_join(session.id, number) for number in range(RACERS - 1)))
            told = await store.read(lambda tx, session=session: tx.logout_deliveries.of_session(session.id))  # type: ignore[misc]
            assert sorted(id for id in joined if id) == [row.client for row in told]

    async def test_they_are_swept_after_a_week(self, store: Store) -> None:
        await queued(store)
        await queued(store, SessionId("new"), at=NOW + samples.MICROSECOND)
        assert await store.sweep(NOW + DELIVERIES_KEPT) == 2
        found = await store.read(lambda tx: tx.logout_deliveries.of_client(ISSUER, CLIENT, limit=9))
        assert [row.session for row in found] == ["new"]


def _join(session: SessionId, number: int) -> Callable[[Tx], str | None]:
    return lambda tx: str(number) if tx.sessions.joined(session, ClientId(str(number))) else None


def _end(session: Session) -> Callable[[Tx], str | None]:
    def end(tx: Tx) -> None:
        tx.sessions.end(session.id, at=NOW)
        tx.logout_deliveries.queue(session, at=NOW)

    return end
