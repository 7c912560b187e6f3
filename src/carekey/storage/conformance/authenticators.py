"""Credentials, challenges, enrolments, failures."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from carekey.authenticators.base import Credential
from carekey.kernel.ids import CredentialId, PersonId
from carekey.storage import Store, Tx
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, LATER, MICROSECOND, NOW

ID = samples.credential().id


class CredentialsContract:
    async def test_comes_back_as_given(self, store: Store) -> None:
        given = samples.credential(counter=4_294_967_295, last_used_at=LATER)
        assert await store.write(lambda tx: tx.credentials.add(given))
        assert await store.read(lambda tx: tx.credentials.find(given.kind, given.handle)) == given
        assert await store.read(lambda tx: tx.credentials.find("userpass", given.handle)) is None

    async def test_a_handle_is_unique_within_its_kind(self, store: Store) -> None:
        given = samples.credential()
        again = replace(given, id=CredentialId("credential-2"), label="Mine")
        elsewhere = replace(again, kind="userpass")
        assert await store.write(lambda tx: tx.credentials.add(given))
        assert not await store.write(lambda tx: tx.credentials.add(again))
        assert await store.write(lambda tx: tx.credentials.add(elsewhere))
        assert await store.read(lambda tx: tx.credentials.find(given.kind, given.handle)) == given

    async def test_held_are_those_not_revoked_oldest_first(self, store: Store) -> None:
        def credential(id: str, **fields: Any) -> Credential:
            return samples.credential(id=CredentialId(id), handle=id.encode(), **fields)

        young, old, gone = credential("a", created_at=LATER), credential("b"), credential("c", revoked_at=NOW)
        for each in (young, old, gone, credential("d", person=PersonId("2"))):
            await store.write(lambda tx, each=each: tx.credentials.add(each))  # type: ignore[misc]  # binds this one
        assert list(await store.read(lambda tx: tx.credentials.held_by(ASHA))) == [old, young]
        assert await store.read(lambda tx: tx.credentials.find("webauthn", b"c")) == gone

    @pytest.mark.parametrize(
        ("stored", "shown", "accepted"),
        [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False)],
    )
    async def test_webauthn_6_1_1_the_counter_must_rise_unless_both_are_0(
        self,
        store: Store,
        stored: int,
        shown: int,
        accepted: bool,  # noqa: FBT001 (a column of the table)
    ) -> None:
        given = samples.credential(counter=stored)
        await store.write(lambda tx: tx.credentials.add(given))
        assert await store.write(lambda tx: tx.credentials.advance(ID, counter=shown, at=LATER)) is accepted
        expected = replace(given, counter=shown, last_used_at=LATER) if accepted else given
        assert await store.read(lambda tx: tx.credentials.find(given.kind, given.handle)) == expected

    async def test_a_revoked_credential_is_never_advanced_and_revoked_once(self, store: Store) -> None:
        await store.write(lambda tx: tx.credentials.add(samples.credential()))
        assert await store.write(lambda tx: tx.credentials.revoke(ID, at=NOW))
        assert not await store.write(lambda tx: tx.credentials.revoke(ID, at=LATER))
        assert not await store.write(lambda tx: tx.credentials.advance(ID, counter=1, at=LATER))
        assert not await store.write(lambda tx: tx.credentials.advance(CredentialId("none"), counter=1, at=LATER))
        found = await store.read(lambda tx: tx.credentials.find("webauthn", samples.credential().handle))
        assert found == samples.credential(revoked_at=NOW)

    async def test_replace_compares(self, store: Store) -> None:
        given = samples.credential()
        await store.write(lambda tx: tx.credentials.add(given))
        assert not await store.write(lambda tx: tx.credentials.replace(ID, data=b"new", was=b"other"))
        assert await store.write(lambda tx: tx.credentials.replace(ID, data=b"new", was=given.data))
        found = await store.read(lambda tx: tx.credentials.find(given.kind, given.handle))
        assert found == replace(given, data=b"new")

    async def test_of_many_at_once_one_advances(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.credentials.add(samples.credential(counter=1)))
        answers = race([store, other], lambda tx: tx.credentials.advance(ID, counter=2, at=NOW))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]

    async def test_of_many_at_once_one_adds(self, store: Store, other: Store) -> None:
        works = [partial(_add, samples.credential(id=CredentialId(f"credential-{number}"))) for number in range(RACERS)]
        answers = race([store, other], *works)
        assert sorted(answers) == [False] * (RACERS - 1) + [True]

    async def test_of_many_at_once_one_revokes(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.credentials.add(samples.credential()))
        answers = race([store, other], lambda tx: tx.credentials.revoke(ID, at=NOW))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]


def _add(credential: Credential, tx: Tx) -> bool:
    return tx.credentials.add(credential)


class ChallengesContract:
    async def test_taken_once(self, store: Store) -> None:
        given = samples.challenge()
        await store.write(lambda tx: tx.challenges.put(given))
        assert await store.write(lambda tx: tx.challenges.take(b"x" * 32, now=NOW)) is None
        assert await store.write(lambda tx: tx.challenges.take(given.digest, now=NOW)) == given
        assert await store.write(lambda tx: tx.challenges.take(given.digest, now=NOW)) is None

    async def test_good_until_it_expires(self, store: Store) -> None:
        given = samples.challenge()
        await store.write(lambda tx: tx.challenges.put(given))
        assert await store.write(lambda tx: tx.challenges.take(given.digest, now=LATER)) is None
        assert await store.write(lambda tx: tx.challenges.take(given.digest, now=LATER - MICROSECOND)) == given

    async def test_of_many_at_once_one_takes_it(self, store: Store, other: Store) -> None:
        given = samples.challenge()
        await store.write(lambda tx: tx.challenges.put(given))
        answers = race([store, other], lambda tx: tx.challenges.take(given.digest, now=NOW))
        assert [answer for answer in answers if answer] == [given]


class EnrolmentsContract:
    async def test_of_a_session_comes_back_as_given(self, store: Store) -> None:
        given = samples.enrolment(session=samples.SESSION)
        await store.write(lambda tx: tx.enrolments.put(given))
        assert await store.read(lambda tx: tx.enrolments.find(given.digest)) == given

    async def test_used_once(self, store: Store) -> None:
        given = samples.enrolment()
        await store.write(lambda tx: tx.enrolments.put(given))
        assert await store.read(lambda tx: tx.enrolments.find(given.digest)) == given
        assert await store.read(lambda tx: tx.enrolments.find(b"x" * 32)) is None
        assert await store.write(lambda tx: tx.enrolments.use(given.digest, now=NOW))
        assert not await store.write(lambda tx: tx.enrolments.use(given.digest, now=NOW))
        assert await store.read(lambda tx: tx.enrolments.find(given.digest)) == replace(given, used_at=NOW)

    async def test_good_until_it_expires(self, store: Store) -> None:
        given = samples.enrolment()
        await store.write(lambda tx: tx.enrolments.put(given))
        assert not await store.write(lambda tx: tx.enrolments.use(given.digest, now=LATER))
        assert await store.write(lambda tx: tx.enrolments.use(given.digest, now=LATER - MICROSECOND))

    async def test_of_many_at_once_one_uses_it(self, store: Store, other: Store) -> None:
        given = samples.enrolment()
        await store.write(lambda tx: tx.enrolments.put(given))
        answers = race([store, other], lambda tx: tx.enrolments.use(given.digest, now=NOW))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]


class FailuresContract:
    @pytest.mark.parametrize("key", ["userpass:asha", "a\0b", "\ud800", "x" * 10_000])
    async def test_counted_until_the_end_that_the_first_one_set(self, store: Store, key: str) -> None:
        assert await store.write(lambda tx: tx.failures.add(key, now=NOW, until=LATER)) == 1
        assert await store.write(lambda tx: tx.failures.add(key, now=NOW, until=LATER + MICROSECOND)) == 2
        assert await store.read(lambda tx: tx.failures.count(key, now=LATER - MICROSECOND)) == 2
        assert await store.read(lambda tx: tx.failures.count(key, now=LATER)) == 0
        assert await store.read(lambda tx: tx.failures.count("userpass:ben", now=NOW)) == 0
        assert await store.write(lambda tx: tx.failures.add(key, now=LATER, until=LATER + MICROSECOND)) == 1
        assert await store.read(lambda tx: tx.failures.count(key, now=LATER)) == 1

    async def test_cleared(self, store: Store) -> None:
        await store.write(lambda tx: tx.failures.add("key", now=NOW, until=LATER))
        await store.write(lambda tx: tx.failures.clear("key"))
        assert await store.read(lambda tx: tx.failures.count("key", now=NOW)) == 0
        await store.write(lambda tx: tx.failures.clear("key"))

    async def test_none_is_lost_of_many_at_once(self, store: Store, other: Store) -> None:
        answers = race([store, other], lambda tx: tx.failures.add("key", now=NOW, until=LATER))
        assert sorted(answers) == list(range(1, RACERS + 1))
