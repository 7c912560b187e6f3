"""Requests that a person decides elsewhere."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from carekey.kernel.ids import PersonId
from carekey.oidc.ciba.errors import TooManyOpen
from carekey.oidc.ciba.request import OPEN_OF_A_CLIENT, check_room
from carekey.oidc.decoupled.model import State
from carekey.oidc.model import TokenDelivery
from carekey.storage import Store, Tx
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, LATER, MICROSECOND, NOW

KEY, OTHER_KEY = b"d" * 32, b"e" * 32
NOTIFIED = samples.decoupled(delivery=TokenDelivery.PING, callback=b"\0sealed\xff", due_at=LATER)


class DecoupledRequestsContract:
    async def test_comes_back_as_given_by_key_and_by_user_code(self, store: Store) -> None:
        given = samples.decoupled(user_code=b"u" * 32, person=None, state=State.REFUSED, polled_at=NOW, tries=3)
        assert await store.write(lambda tx: tx.decoupled_requests.put(given))
        assert await store.write(lambda tx: tx.decoupled_requests.put(replace(NOTIFIED, key=OTHER_KEY)))
        assert await store.read(lambda tx: tx.decoupled_requests.find(KEY)) == given
        assert await store.read(lambda tx: tx.decoupled_requests.find(OTHER_KEY)) == replace(NOTIFIED, key=OTHER_KEY)
        assert await store.read(lambda tx: tx.decoupled_requests.by_user_code(b"u" * 32)) == given
        assert await store.read(lambda tx: tx.decoupled_requests.find(b"x" * 32)) is None
        assert await store.read(lambda tx: tx.decoupled_requests.by_user_code(b"x" * 32)) is None

    async def test_a_user_code_leads_to_one_request(self, store: Store) -> None:
        first, second = (samples.decoupled(key=key, user_code=b"u" * 32) for key in (KEY, OTHER_KEY))
        assert await store.write(lambda tx: tx.decoupled_requests.put(first))
        assert not await store.write(lambda tx: tx.decoupled_requests.put(second))
        assert await store.read(lambda tx: tx.decoupled_requests.by_user_code(b"u" * 32)) == first
        assert await store.read(lambda tx: tx.decoupled_requests.find(OTHER_KEY)) is None

    async def test_what_waits_for_a_person_the_oldest_first(self, store: Store) -> None:
        old, new = samples.decoupled(key=b"z" * 32), samples.decoupled(key=b"a" * 32, requested_at=LATER)
        others = (
            samples.decoupled(key=b"1" * 32, state=State.REFUSED),
            samples.decoupled(key=b"2" * 32, person=PersonId("2")),
            samples.decoupled(key=b"3" * 32, person=None),
        )
        for each in (new, old, *others):
            await store.write(lambda tx, each=each: tx.decoupled_requests.put(each))  # type: ignore[misc]  # binds this one
        assert list(await store.read(lambda tx: tx.decoupled_requests.waiting_for(ASHA))) == [old, new]

    async def test_a_poll_is_noted_and_sees_the_one_before(self, store: Store) -> None:
        given = samples.decoupled()
        await store.write(lambda tx: tx.decoupled_requests.put(given))
        assert await store.write(lambda tx: tx.decoupled_requests.polled(b"x" * 32, now=NOW)) is None
        assert await store.write(lambda tx: tx.decoupled_requests.polled(KEY, now=NOW)) == given
        assert await store.write(lambda tx: tx.decoupled_requests.polled(KEY, now=LATER)) == replace(
            given, polled_at=NOW
        )

    async def test_of_many_polls_at_once_one_is_the_first(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.decoupled_requests.put(samples.decoupled()))
        seen = race([store, other], lambda tx: tx.decoupled_requests.polled(KEY, now=NOW))
        assert [each.polled_at for each in seen if each is not None].count(None) == 1
        assert [each.polled_at for each in seen if each is not None].count(NOW) == RACERS - 1

    async def test_decided_once(self, store: Store) -> None:
        await store.write(lambda tx: tx.decoupled_requests.put(samples.decoupled()))
        assert not await store.write(lambda tx: tx.decoupled_requests.decide(b"x" * 32, State.AGREED, at=NOW))
        assert await store.write(lambda tx: tx.decoupled_requests.decide(KEY, State.REFUSED, at=NOW))
        assert not await store.write(lambda tx: tx.decoupled_requests.decide(KEY, State.AGREED, at=NOW))
        decided = samples.decoupled(state=State.REFUSED)
        assert await store.read(lambda tx: tx.decoupled_requests.find(KEY)) == decided

    async def test_of_many_at_once_one_decides(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.decoupled_requests.put(samples.decoupled()))
        answers = race(
            [store, other],
            lambda tx: State.AGREED if tx.decoupled_requests.decide(KEY, State.AGREED, at=NOW) else None,
            lambda tx: State.REFUSED if tx.decoupled_requests.decide(KEY, State.REFUSED, at=NOW) else None,
        )
        (winner,) = [answer for answer in answers if answer is not None]
        kept = await store.read(lambda tx: tx.decoupled_requests.find(KEY))
        assert kept is not None
        assert kept.state is winner

    async def test_a_decision_that_is_rolled_back_was_none(self, store: Store) -> None:
        await store.write(lambda tx: tx.decoupled_requests.put(samples.decoupled()))

        def fail(tx: Tx) -> None:
            assert tx.decoupled_requests.decide(KEY, State.AGREED, at=NOW)
            raise LookupError

        with pytest.raises(LookupError):
            await store.write(fail)
        assert await store.write(lambda tx: tx.decoupled_requests.decide(KEY, State.REFUSED, at=NOW))

    async def test_who_is_to_be_notified_is_so_from_the_decision_on(self, store: Store) -> None:
        await store.write(lambda tx: tx.decoupled_requests.put(NOTIFIED))
        await store.write(lambda tx: tx.decoupled_requests.put(samples.decoupled(key=OTHER_KEY)))
        for key in (KEY, OTHER_KEY):
            assert await store.write(lambda tx, key=key: tx.decoupled_requests.decide(key, State.AGREED, at=NOW))  # type: ignore[misc]  # binds this one
        early = NOW - MICROSECOND
        assert list(await store.read(lambda tx: tx.decoupled_requests.due(now=early, limit=9))) == []
        due = list(await store.read(lambda tx: tx.decoupled_requests.due(now=NOW, limit=9)))
        assert due == [replace(NOTIFIED, state=State.AGREED, due_at=NOW)]

    async def test_the_limit_takes_those_that_are_due_the_longest(self, store: Store) -> None:
        keys = (b"a" * 32, b"b" * 32, b"c" * 32)
        for number, key in enumerate(keys):
            row = replace(NOTIFIED, key=key, due_at=NOW - number * MICROSECOND)
            await store.write(lambda tx, row=row: tx.decoupled_requests.put(row))  # type: ignore[misc]  # binds this one
        due = await store.read(lambda tx: tx.decoupled_requests.due(now=LATER, limit=2))
        assert [row.key for row in due] == [keys[2], keys[1]]
        rest = await store.read(lambda tx: tx.decoupled_requests.due(now=LATER, limit=2, after=due[-1]))
        assert [row.key for row in rest] == [keys[0]]

    async def test_those_that_are_due_at_one_moment_are_looked_through_page_by_page(self, store: Store) -> None:
        keys = [bytes([number]) * 32 for number in (0, 1, 254, 255)]
        for key in keys:
            row = replace(NOTIFIED, key=key)
            await store.write(lambda tx, row=row: tx.decoupled_requests.put(row))  # type: ignore[misc]  # binds this one
        found: list[bytes] = []
        last = None
        for _ in keys:
            (last,) = await store.read(lambda tx, one=last: tx.decoupled_requests.due(now=LATER, limit=1, after=one))  # type: ignore[misc]  # binds this one
            found.append(last.key)
        assert found == keys
        assert not await store.read(lambda tx: tx.decoupled_requests.due(now=LATER, limit=1, after=last))

    async def test_of_many_that_ask_for_one_person_at_once_so_many_may_wait(self, store: Store, other: Store) -> None:
        numbers = itertools.count()

        def ask(tx: Tx) -> bool:
            request = samples.decoupled(key=b"%032d" % next(numbers))
            try:
                check_room(tx, request)
            except TooManyOpen:
                return False
            return tx.decoupled_requests.put(request)

        assert race([store, other], ask).count(True) == OPEN_OF_A_CLIENT
        assert len(await store.read(lambda tx: tx.decoupled_requests.waiting_for(ASHA))) == OPEN_OF_A_CLIENT

    async def test_of_many_workers_at_once_one_has_it_in_hand(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.decoupled_requests.put(NOTIFIED))
        until = LATER + timedelta(minutes=1)
        answers = race([store, other], lambda tx: tx.decoupled_requests.claim(NOTIFIED, until=until))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]
        kept = await store.read(lambda tx: tx.decoupled_requests.find(KEY))
        assert kept == replace(NOTIFIED, due_at=until, tries=1)
        assert not await store.write(lambda tx: tx.decoupled_requests.claim(samples.decoupled(), until=until))

    async def test_only_the_try_in_hand_settles(self, store: Store) -> None:
        await store.write(lambda tx: tx.decoupled_requests.put(NOTIFIED))
        first, second = LATER + timedelta(minutes=1), LATER + timedelta(minutes=2)
        assert await store.write(lambda tx: tx.decoupled_requests.claim(NOTIFIED, until=first))
        again = replace(NOTIFIED, due_at=first, tries=1)
        assert await store.write(lambda tx: tx.decoupled_requests.claim(again, until=second))
        assert not await store.write(lambda tx: tx.decoupled_requests.settle(KEY, tries=1, again_at=None))
        assert await store.write(lambda tx: tx.decoupled_requests.settle(KEY, tries=2, again_at=LATER))
        assert await store.write(lambda tx: tx.decoupled_requests.settle(KEY, tries=2, again_at=None))
        assert not await store.write(lambda tx: tx.decoupled_requests.settle(KEY, tries=2, again_at=None))
        assert await store.read(lambda tx: tx.decoupled_requests.find(KEY)) == replace(NOTIFIED, due_at=None, tries=2)

    async def test_one_whose_client_is_yet_to_be_notified_is_not_swept(self, store: Store) -> None:
        await store.write(lambda tx: tx.decoupled_requests.put(NOTIFIED))
        assert await store.sweep(LATER + samples.MARGIN) == 0
        await store.write(lambda tx: tx.decoupled_requests.claim(NOTIFIED, until=LATER))
        await store.write(lambda tx: tx.decoupled_requests.settle(KEY, tries=1, again_at=None))
        assert await store.sweep(LATER + samples.MARGIN) == 1
