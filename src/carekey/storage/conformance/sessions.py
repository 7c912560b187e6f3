"""Sessions and log-ins."""

from dataclasses import replace
from hashlib import sha256
from itertools import count
from time import sleep
from typing import Any

from carekey.directory.model import PersonStatus
from carekey.kernel.actor import operator
from carekey.kernel.ids import ClientId, LoginId, PersonId, RoleProfileId, SessionId
from carekey.login.model import Outcome
from carekey.registration.standing import set_status
from carekey.sessions.model import Session
from carekey.storage import Store, Tx
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, LATER, LOGIN, NOW, SESSION

ROLE = RoleProfileId("555000000301")


class SessionsContract:
    async def test_a_log_in_that_ends_as_its_person_is_suspended_leaves_no_session(
        self, store: Store, other: Store
    ) -> None:
        """Whichever is faster."""
        numbers = count()
        for _ in range(3):
            await store.write(lambda tx: tx.people.put([samples.person()]))

            def log_in(tx: Tx) -> None:
                person = tx.people.hold(ASHA)
                sleep(0.03)  # wide enough for whoever does not wait
                if person is not None and person.status is PersonStatus.ACTIVE:
                    name = f"session {next(numbers)}"
                    tx.sessions.start(
                        samples.session(id=SessionId(name), digest=sha256(name.encode()).digest(), person=ASHA)
                    )

            def suspend(tx: Tx) -> None:
                set_status(tx, ASHA, PersonStatus.SUSPENDED, by=operator("test"), now=LATER)

            race([store, other], log_in, suspend)
            assert list(await store.read(lambda tx: tx.sessions.of_person(ASHA))) == []

    async def test_comes_back_as_given(self, store: Store) -> None:
        given = samples.session(role=ROLE)
        await store.write(lambda tx: tx.sessions.start(given))
        assert await store.read(lambda tx: tx.sessions.find(given.digest)) == given
        assert await store.read(lambda tx: tx.sessions.get(given.id)) == given
        assert await store.read(lambda tx: tx.sessions.find(b"x" * 32)) is None
        assert await store.read(lambda tx: tx.sessions.get(SessionId("none"))) is None

    async def test_use_notes_the_time_and_the_role(self, store: Store) -> None:
        given = samples.session()
        await store.write(lambda tx: tx.sessions.start(given))
        assert await store.write(lambda tx: tx.sessions.use(SESSION, at=LATER, role=ROLE))
        expected = replace(given, last_used_at=LATER, role=ROLE)
        assert await store.read(lambda tx: tx.sessions.get(SESSION)) == expected

    async def test_a_renewed_session_goes_on_under_a_new_secret_alone(self, store: Store) -> None:
        given = samples.session()
        proof = replace(given.proof, at=LATER)
        await store.write(lambda tx: tx.sessions.start(given))
        assert await store.write(
            lambda tx: tx.sessions.renew(SESSION, digest=b"new" * 11, proof=proof, at=LATER, role=ROLE)
        )
        expected = replace(given, digest=b"new" * 11, proof=proof, last_used_at=LATER, role=ROLE)
        assert await store.read(lambda tx: tx.sessions.find(b"new" * 11)) == expected
        assert await store.read(lambda tx: tx.sessions.find(given.digest)) is None
        assert await store.write(lambda tx: tx.sessions.end(SESSION, at=LATER))
        assert not await store.write(
            lambda tx: tx.sessions.renew(SESSION, digest=b"too" * 11, proof=proof, at=LATER, role=None)
        )

    async def test_a_locked_session_is_used_by_nobody_until_it_is_renewed(self, store: Store) -> None:
        given = samples.session(role=ROLE)
        await store.write(lambda tx: tx.sessions.start(given))
        assert await store.write(lambda tx: tx.sessions.lock(SESSION, at=LATER))
        assert not await store.write(lambda tx: tx.sessions.lock(SESSION, at=LATER))
        assert not await store.write(lambda tx: tx.sessions.use(SESSION, at=LATER, role=None))
        assert await store.read(lambda tx: tx.sessions.get(SESSION)) == replace(given, locked_at=LATER)
        assert list(await store.read(lambda tx: tx.sessions.of_person(ASHA))) == [replace(given, locked_at=LATER)]
        assert await store.write(
            lambda tx: tx.sessions.renew(SESSION, digest=b"new" * 11, proof=given.proof, at=LATER, role=ROLE)
        )
        renewed = await store.read(lambda tx: tx.sessions.get(SESSION))
        assert renewed is not None
        assert renewed.locked_at is None
        assert await store.write(lambda tx: tx.sessions.end(SESSION, at=LATER))
        assert not await store.write(lambda tx: tx.sessions.lock(SESSION, at=LATER))
        assert not await store.write(lambda tx: tx.sessions.lock(SessionId("none"), at=LATER))

    async def test_of_many_at_once_one_locks_it(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.sessions.start(samples.session()))
        answers = race([store, other], lambda tx: tx.sessions.lock(SESSION, at=NOW))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]

    async def test_an_ended_session_stays_ended(self, store: Store) -> None:
        await store.write(lambda tx: tx.sessions.start(samples.session()))
        assert await store.write(lambda tx: tx.sessions.end(SESSION, at=NOW))
        assert not await store.write(lambda tx: tx.sessions.end(SESSION, at=LATER))
        assert not await store.write(lambda tx: tx.sessions.use(SESSION, at=LATER, role=ROLE))
        assert not await store.write(lambda tx: tx.sessions.end(SessionId("none"), at=LATER))
        ended = samples.session(ended_at=NOW)
        assert await store.read(lambda tx: tx.sessions.find(ended.digest)) == ended

    async def test_of_a_person_are_those_not_ended(self, store: Store) -> None:
        def session(id: str, **fields: Any) -> Session:
            return samples.session(id=SessionId(id), digest=id.encode(), **fields)

        first, second = session("b"), session("a", started_at=LATER)
        for each in (second, first, session("c", ended_at=NOW), session("d", person=PersonId("2"))):
            await store.write(lambda tx, each=each: tx.sessions.start(each))  # type: ignore[misc]  # binds this one
        assert list(await store.read(lambda tx: tx.sessions.of_person(ASHA))) == [first, second]

    async def test_joining_twice_changes_nothing(self, store: Store) -> None:
        await store.write(lambda tx: tx.sessions.start(samples.session()))
        for client in ("ward", "clinic", "ward"):
            await store.write(lambda tx, client=client: tx.sessions.joined(SESSION, ClientId(client)))  # type: ignore[misc]
        assert list(await store.read(lambda tx: tx.sessions.clients_of(SESSION))) == ["clinic", "ward"]
        assert list(await store.read(lambda tx: tx.sessions.clients_of(SessionId("none")))) == []

    async def test_nobody_joins_a_session_that_has_ended(self, store: Store) -> None:
        await store.write(lambda tx: tx.sessions.start(samples.session()))
        assert await store.write(lambda tx: tx.sessions.joined(SESSION, samples.CLIENT))
        await store.write(lambda tx: tx.sessions.end(SESSION, at=NOW))
        assert not await store.write(lambda tx: tx.sessions.joined(SESSION, ClientId("clinic")))
        assert not await store.write(lambda tx: tx.sessions.joined(SessionId("none"), samples.CLIENT))
        assert list(await store.read(lambda tx: tx.sessions.clients_of(SESSION))) == [samples.CLIENT]

    async def test_of_many_at_once_one_ends_it_and_joining_is_safe(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.sessions.start(samples.session()))
        race([store, other], lambda tx: tx.sessions.joined(SESSION, samples.CLIENT))
        answers = race([store, other], lambda tx: tx.sessions.end(SESSION, at=NOW))
        assert sorted(answers) == [False] * (RACERS - 1) + [True]


class LoginsContract:
    async def test_comes_back_as_given(self, store: Store) -> None:
        given = samples.login()
        await store.write(lambda tx: tx.logins.start(given))
        assert await store.read(lambda tx: tx.logins.find(LOGIN)) == given
        assert await store.read(lambda tx: tx.logins.find(LoginId("none"))) is None
        assert await store.read(lambda tx: tx.logins.find(LoginId("\0\ud800"))) is None

    async def test_goes_on_until_it_ends(self, store: Store) -> None:
        given, proof = samples.login(), samples.verified()
        await store.write(lambda tx: tx.logins.start(given))
        assert await store.write(lambda tx: tx.logins.prove(LOGIN, samples.verified(person=PersonId("2"))))
        assert await store.write(lambda tx: tx.logins.prove(LOGIN, proof))
        assert await store.write(lambda tx: tx.logins.go_on_as(LOGIN, ASHA))
        assert await store.write(lambda tx: tx.logins.choose(LOGIN, ROLE))
        assert await store.write(lambda tx: tx.logins.end(LOGIN, Outcome.ISSUED, at=LATER))
        ended = replace(given, proof=proof, role=ROLE, account=ASHA, outcome=Outcome.ISSUED, ended_at=LATER)
        assert await store.read(lambda tx: tx.logins.find(LOGIN)) == ended

        assert not await store.write(lambda tx: tx.logins.prove(LOGIN, proof))
        assert not await store.write(lambda tx: tx.logins.choose(LOGIN, ROLE))
        assert not await store.write(lambda tx: tx.logins.go_on_as(LOGIN, PersonId("2")))
        assert not await store.write(lambda tx: tx.logins.end(LOGIN, Outcome.CANCELLED, at=LATER))
        assert await store.read(lambda tx: tx.logins.find(LOGIN)) == ended

    async def test_restarted_it_knows_of_no_proof_and_no_role(self, store: Store) -> None:
        given = samples.login()
        await store.write(lambda tx: tx.logins.start(given))
        await store.write(lambda tx: tx.logins.prove(LOGIN, samples.verified()))
        await store.write(lambda tx: tx.logins.choose(LOGIN, ROLE))
        await store.write(lambda tx: tx.logins.go_on_as(LOGIN, ASHA))
        assert await store.write(lambda tx: tx.logins.restart(LOGIN))
        assert await store.read(lambda tx: tx.logins.find(LOGIN)) == given
        await store.write(lambda tx: tx.logins.end(LOGIN, Outcome.ISSUED, at=LATER))
        assert not await store.write(lambda tx: tx.logins.restart(LOGIN))

    async def test_of_many_at_once_one_ends_it(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.logins.start(samples.login()))
        answers = race(
            [store, other],
            lambda tx: tx.logins.end(LOGIN, Outcome.ISSUED, at=NOW),
            lambda tx: tx.logins.end(LOGIN, Outcome.CANCELLED, at=NOW),
        )
        assert sorted(answers) == [False] * (RACERS - 1) + [True]
