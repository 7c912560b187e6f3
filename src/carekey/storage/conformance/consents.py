"""Agreements to let applications see something."""

from dataclasses import replace

from carekey.kernel.ids import ClientId, PersonId
from carekey.storage import Store
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, CLIENT, ISSUER, LATER, MICROSECOND, NOW


class ConsentsContract:
    async def test_comes_back_as_given_and_the_newer_one_counts(self, store: Store) -> None:
        given = samples.consent()
        await store.write(lambda tx: tx.consents.put(given))
        assert await store.read(lambda tx: tx.consents.find(ASHA, ISSUER, CLIENT)) == given
        assert await store.read(lambda tx: tx.consents.find(PersonId("2"), ISSUER, CLIENT)) is None
        newer = replace(given, items=("all",), given_at=LATER)
        await store.write(lambda tx: tx.consents.put(newer))
        assert await store.read(lambda tx: tx.consents.find(ASHA, ISSUER, CLIENT)) == newer

    async def test_of_a_person_by_client(self, store: Store) -> None:
        first, second = samples.consent(client=ClientId("a")), samples.consent(client=ClientId("b"))
        for each in (second, first, samples.consent(person=PersonId("2"))):
            await store.write(lambda tx, each=each: tx.consents.put(each))  # type: ignore[misc]  # binds this one
        assert list(await store.read(lambda tx: tx.consents.of_person(ASHA))) == [first, second]

    async def test_withdrawn_once_and_remembered_as_such(self, store: Store) -> None:
        given = samples.consent()
        assert not await store.write(lambda tx: tx.consents.withdraw(given, at=NOW, until=LATER))
        await store.write(lambda tx: tx.consents.put(given))
        assert await store.write(lambda tx: tx.consents.withdraw(given, at=NOW, until=LATER))
        assert not await store.write(lambda tx: tx.consents.withdraw(given, at=NOW, until=LATER))
        kept = replace(given, withdrawn_at=NOW, expires_at=LATER)
        assert await store.read(lambda tx: tx.consents.find(ASHA, ISSUER, CLIENT)) == kept
        await store.write(lambda tx: tx.consents.put(given))
        assert await store.read(lambda tx: tx.consents.find(ASHA, ISSUER, CLIENT)) == given

    async def test_of_many_at_once_one_withdraws_it(self, store: Store, other: Store) -> None:
        given = samples.consent()
        await store.write(lambda tx: tx.consents.put(given))
        answers = race([store, other], lambda tx: tx.consents.withdraw(given, at=NOW, until=LATER))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]

    async def test_expired_ones_are_swept(self, store: Store) -> None:
        later = samples.consent(client=ClientId("b"), expires_at=LATER + MICROSECOND)
        for each in (samples.consent(expires_at=LATER), later):
            await store.write(lambda tx, each=each: tx.consents.put(each))  # type: ignore[misc]  # binds this one
        assert await store.sweep(LATER + samples.MARGIN) == 1
        assert list(await store.read(lambda tx: tx.consents.of_person(ASHA))) == [later]
