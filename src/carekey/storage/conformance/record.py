"""Signing keys and the audit record."""

from dataclasses import replace
from functools import partial

from carekey.audit.ports import Recorded
from carekey.jose.model import KeyState, StoredKey
from carekey.kernel.actor import UNKNOWN, person
from carekey.kernel.ids import IssuerName, KeyId
from carekey.storage import Store, Tx
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, ISSUER, LATER, NOW

KEY = samples.key().id


class KeysContract:
    async def test_listed_as_given_oldest_first(self, store: Store) -> None:
        old = samples.key(id=KeyId("z"), state=KeyState.RETIRING)
        new = samples.key(id=KeyId("a"), created_at=LATER)
        for each in (new, old, samples.key(id=KeyId("b"), issuer=IssuerName("sandbox"))):
            assert await store.write(lambda tx, each=each: tx.keys.add(each))  # type: ignore[misc]  # binds this one
        assert list(await store.read(lambda tx: tx.keys.list(ISSUER))) == [old, new]

    async def test_one_of_an_algorithm_in_a_state_unless_retiring(self, store: Store) -> None:
        async def add(id: str, **fields: object) -> bool:
            key = samples.key(id=KeyId(id), **fields)
            return await store.write(lambda tx: tx.keys.add(key))

        assert await add("1")
        assert not await add("2")
        assert await add("3", alg="ES256")
        assert await add("4", state=KeyState.NEXT)
        assert not await add("5", state=KeyState.NEXT)
        assert await add("6", state=KeyState.RETIRING)
        assert await add("7", state=KeyState.RETIRING)

    async def test_moves_if_it_is_where_it_was_thought_and_the_place_is_free(self, store: Store) -> None:
        active, following = samples.key(), samples.key(id=KeyId("key-2"), state=KeyState.NEXT)
        await store.write(lambda tx: tx.keys.add(active))
        await store.write(lambda tx: tx.keys.add(following))

        async def move(id: KeyId, was: KeyState, to: KeyState) -> bool:
            return await store.write(lambda tx: tx.keys.move(id, was=was, to=to, at=LATER))

        assert not await move(following.id, KeyState.NEXT, KeyState.ACTIVE)
        assert not await move(active.id, KeyState.NEXT, KeyState.RETIRING)
        assert not await move(KeyId("none"), KeyState.NEXT, KeyState.RETIRING)
        assert await move(active.id, KeyState.ACTIVE, KeyState.RETIRING)
        assert await move(following.id, KeyState.NEXT, KeyState.ACTIVE)
        assert list(await store.read(lambda tx: tx.keys.list(ISSUER))) == [
            replace(active, state=KeyState.RETIRING, changed_at=LATER),
            replace(following, state=KeyState.ACTIVE, changed_at=LATER),
        ]

    async def test_removed_once(self, store: Store) -> None:
        await store.write(lambda tx: tx.keys.add(samples.key()))
        assert await store.write(lambda tx: tx.keys.remove(KEY))
        assert not await store.write(lambda tx: tx.keys.remove(KEY))
        assert list(await store.read(lambda tx: tx.keys.list(ISSUER))) == []

    async def test_of_many_that_rotate_at_once_one_wins(self, store: Store, other: Store) -> None:
        works = [partial(_add, samples.key(id=KeyId(f"key-{number}"))) for number in range(RACERS)]
        assert sorted(race([store, other], *works)) == [False] * (RACERS - 1) + [True]
        (winner,) = await store.read(lambda tx: tx.keys.list(ISSUER))
        answers = race(
            [store, other], lambda tx: tx.keys.move(winner.id, was=KeyState.ACTIVE, to=KeyState.RETIRING, at=NOW)
        )
        assert sorted(answers) == [False] * (RACERS - 1) + [True]


def _add(key: StoredKey, tx: Tx) -> bool:
    return tx.keys.add(key)


class AuditContract:
    async def test_recorded_as_it_was(self, store: Store) -> None:
        await store.write(lambda tx: tx.audit.record(samples.tested()))
        await store.write(lambda tx: tx.audit.record(samples.refused(actor=UNKNOWN)))
        first, second = await store.read(lambda tx: tx.audit.search())
        assert first == Recorded(
            id=first.id,
            tag="test:thing:tested",
            refusal=False,
            at=NOW,
            actor=person(ASHA),
            reference="ABCD2345",
            data={"what": "a store", "numbers": [1, 2], "amr": "FIDO2"},
        )
        assert (second.refusal, second.actor, second.reference, second.data) == (True, UNKNOWN, "", {})
        assert second.id > first.id

    async def test_searched_by_each_and_by_all(self, store: Store) -> None:
        events = [
            samples.tested(),
            samples.refused(),
            samples.tested(actor=UNKNOWN, reference="WXYZ2345"),
            samples.tested(),
        ]
        for event in events:
            await store.write(lambda tx, event=event: tx.audit.record(event))  # type: ignore[misc]  # binds this one
        every = list(await store.read(lambda tx: tx.audit.search()))
        a, b, c, d = every

        async def found(**by: object) -> list[Recorded]:
            return list(await store.read(lambda tx: tx.audit.search(**by)))  # type: ignore[arg-type]  # a table of filters

        assert await found(tag="test:thing:tested") == [a, c, d]
        assert await found(actor=ASHA) == [a, b, d]
        assert await found(reference="ABCD2345") == [a, d]
        assert await found(tag="test:thing:tested", actor=ASHA, reference="ABCD2345") == [a, d]
        assert await found(after=b.id) == [c, d]
        assert await found(after=a.id, limit=2) == [b, c]
        assert await found(actor=ASHA, after=b.id) == [d]
        assert await found(tag="none") == []
        assert await found(after=10**30) == []

    async def test_keeps_what_an_attacker_typed(self, store: Store) -> None:
        await store.write(lambda tx: tx.audit.record(samples.tested(what="\0 \ud800 '; DROP TABLE audit")))
        (found,) = await store.read(lambda tx: tx.audit.search())
        assert "DROP TABLE audit" in found.data["what"]
