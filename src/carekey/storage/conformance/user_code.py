"""User codes."""

from dataclasses import replace

from carekey.authenticators.user_code.model import UserCode
from carekey.kernel.ids import PersonId
from carekey.storage import Store
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, LATER, NOW

CODE = UserCode(person=ASHA, sealed=b"\x01sealed\x00", chosen_at=NOW)


class UserCodesContract:
    async def test_a_newer_one_takes_the_place_of_the_older(self, store: Store) -> None:
        for each in (CODE, replace(CODE, sealed=b"newer", chosen_at=LATER)):
            await store.write(lambda tx, each=each: tx.user_codes.put(each))  # type: ignore[misc]  # binds this one
            assert await store.read(lambda tx: tx.user_codes.find(ASHA)) == each
        assert await store.read(lambda tx: tx.user_codes.find(PersonId("2"))) is None

    async def test_one_of_many_removes_it(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.user_codes.put(CODE))
        answers = race([store, other], lambda tx: tx.user_codes.remove(ASHA))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]
        assert await store.read(lambda tx: tx.user_codes.find(ASHA)) is None
