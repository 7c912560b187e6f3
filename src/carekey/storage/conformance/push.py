"""Phones that want to be told that something waits."""

from dataclasses import replace

from carekey.authenticators.phone.confirmation.model import State
from carekey.authenticators.phone.push.model import Subscription
from carekey.kernel.ids import ConfirmationId, CredentialId, PersonId
from carekey.storage import Store
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, LATER, MICROSECOND, NOW

BEN = PersonId("555000000102")
SUBSCRIPTION = Subscription(
    credential=CredentialId("credential-1"),
    person=ASHA,
    endpoint="https://push.example/1",
    p256dh=b"p" * 65,
    auth=b"a" * 16,
    told_at=NOW - MICROSECOND,
)


class SubscriptionsContract:
    async def test_a_newer_one_takes_the_place_of_the_older(self, store: Store) -> None:
        newer = replace(SUBSCRIPTION, endpoint="https://push.example/2", told_at=LATER)
        for each in (SUBSCRIPTION, newer):
            await store.write(lambda tx, each=each: tx.subscriptions.put(each))  # type: ignore[misc]  # binds this one
            assert await store.read(lambda tx: tx.subscriptions.find(SUBSCRIPTION.credential)) == each
        assert await store.read(lambda tx: tx.subscriptions.find(CredentialId("other"))) is None

    async def test_one_that_was_replaced_is_not_removed(self, store: Store) -> None:
        await store.write(lambda tx: tx.subscriptions.put(SUBSCRIPTION))
        id, endpoint = SUBSCRIPTION.credential, SUBSCRIPTION.endpoint
        assert not await store.write(lambda tx: tx.subscriptions.remove(id, endpoint="https://push.example/before"))
        assert await store.read(lambda tx: tx.subscriptions.find(id)) == SUBSCRIPTION
        assert await store.write(lambda tx: tx.subscriptions.remove(id, endpoint=endpoint))
        assert not await store.write(lambda tx: tx.subscriptions.remove(id, endpoint=endpoint))
        assert await store.read(lambda tx: tx.subscriptions.find(id)) is None

    async def test_due_are_those_for_whom_something_newer_waits(self, store: Store) -> None:
        told = replace(SUBSCRIPTION, credential=CredentialId("told"), told_at=NOW)
        second = replace(SUBSCRIPTION, credential=CredentialId("credential-2"))
        others = replace(SUBSCRIPTION, credential=CredentialId("others"), person=BEN)
        for each in (second, SUBSCRIPTION, told, others):
            await store.write(lambda tx, each=each: tx.subscriptions.put(each))  # type: ignore[misc]  # binds this one
        over = samples.confirmation(id=ConfirmationId("over"), person=BEN, state=State.REFUSED)
        for asked in (samples.confirmation(asked_at=NOW), over):
            await store.write(lambda tx, asked=asked: tx.confirmations.ask(asked))  # type: ignore[misc]  # binds this one
        due = await store.read(lambda tx: tx.subscriptions.due(now=LATER - MICROSECOND, limit=9))
        assert list(due) == [SUBSCRIPTION, second]
        assert list(await store.read(lambda tx: tx.subscriptions.due(now=NOW, limit=1))) == [SUBSCRIPTION]
        rest = await store.read(lambda tx: tx.subscriptions.due(now=NOW, limit=9, after=SUBSCRIPTION))
        assert list(rest) == [second], "of those untold since one moment, in the order of their names"
        assert not await store.read(lambda tx: tx.subscriptions.due(now=NOW, limit=9, after=second))
        assert list(await store.read(lambda tx: tx.subscriptions.due(now=LATER, limit=9))) == []

    async def test_a_phone_is_told_by_one_of_many(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.subscriptions.put(SUBSCRIPTION))
        answers = race([store, other], lambda tx: tx.subscriptions.tell(SUBSCRIPTION, until=NOW))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]
        told = await store.read(lambda tx: tx.subscriptions.find(SUBSCRIPTION.credential))
        assert told == replace(SUBSCRIPTION, told_at=NOW)
