"""What holds for a store whatever is kept in it."""

import asyncio
from datetime import timedelta

import pytest

from carekey.kernel.ids import ClientId, LoginId, SessionId
from carekey.oidc.model import Redeemed, Replayed
from carekey.storage import StorageError, Store, Tx
from carekey.storage.conformance import samples
from carekey.storage.conformance.race import RACERS, race
from carekey.storage.conformance.samples import ASHA, ISSUER, LATER, NOW, SESSION
from carekey.storage.store import SWEEP_BATCH, SWEEP_MARGIN


class Failed(Exception):
    pass


class StoreContract:
    async def test_work_sees_its_own_writes_and_answers(self, store: Store) -> None:
        def work(tx: Tx) -> object:
            tx.people.put([samples.person()])
            return tx.people.find(ASHA)

        assert await store.write(work) == samples.person()

    async def test_an_exception_takes_everything_back(self, store: Store, other: Store) -> None:
        await store.write(lambda tx: tx.people.put([samples.person()]))
        await store.write(lambda tx: tx.challenges.put(samples.challenge()))

        def fail(tx: Tx) -> None:
            tx.people.put([samples.person(given_name="Changed")])
            tx.audit.record(samples.tested())
            tx.credentials.add(samples.credential())
            tx.challenges.take(samples.challenge().digest, now=NOW)
            raise Failed

        with pytest.raises(Failed):
            await store.write(fail)
        for reader in (store, other):
            assert await reader.read(lambda tx: tx.people.find(ASHA)) == samples.person()
            assert list(await reader.read(lambda tx: tx.audit.search())) == []
            assert list(await reader.read(lambda tx: tx.credentials.held_by(ASHA))) == []
        assert await store.write(lambda tx: tx.challenges.take(samples.challenge().digest, now=NOW)) is not None

    async def test_a_failing_unit_spoils_no_neighbour(self, store: Store) -> None:
        def unit(number: int) -> None:
            def work(tx: Tx) -> int:
                tx.clients.add(samples.client(id=ClientId(str(number))))
                if number % 3 == 0:
                    raise Failed
                return number

            works.append(store.write(work))

        works: list[object] = []
        for number in range(30):
            unit(number)
        answers = await asyncio.gather(*works, return_exceptions=True)  # type: ignore[call-overload]  # coroutines
        for number, answer in enumerate(answers):
            id = ClientId(str(number))
            found = await store.read(lambda tx, id=id: tx.clients.find(ISSUER, id))  # type: ignore[misc]  # noqa: A006
            if number % 3 == 0:
                assert isinstance(answer, Failed)
                assert found is None
            else:
                assert answer == number
                assert found is not None

    @pytest.mark.parametrize("error", [StopIteration(), SystemExit(3), KeyboardInterrupt()])
    async def test_whatever_work_raises_the_store_goes_on(self, store: Store, error: BaseException) -> None:
        def fail(tx: Tx) -> None:
            tx.people.put([samples.person()])
            raise error

        with pytest.raises((type(error), RuntimeError)):
            await _shielded(store, fail)
        assert await store.write(lambda tx: tx.people.find(ASHA)) is None

    async def test_what_cannot_be_kept_is_a_storage_error(self, store: Store) -> None:
        await store.write(lambda tx: tx.logins.start(samples.login()))
        with pytest.raises(StorageError) as refused:
            await store.write(lambda tx: tx.logins.start(samples.login(reference="SECRET22")))
        assert "SECRET22" not in str(refused.value)
        assert await store.read(lambda tx: tx.logins.find(samples.LOGIN)) == samples.login()

    async def test_a_read_cannot_write(self, store: Store) -> None:
        for work in (
            lambda tx: tx.people.put([samples.person()]),
            lambda tx: tx.logins.start(samples.login()),
            lambda tx: tx.clients.add(samples.client()),
            lambda tx: tx.failures.add("key", now=NOW, until=LATER),
        ):
            with pytest.raises(StorageError):
                await store.read(work)
        assert await store.read(lambda tx: tx.people.find(ASHA)) is None
        assert await store.read(lambda tx: tx.logins.find(samples.LOGIN)) is None

    async def test_what_was_answered_is_seen_everywhere_at_once(self, store: Store, other: Store) -> None:
        for number in range(50):
            login = samples.login(id=LoginId(str(number)))
            writer, reader = (store, other) if number % 2 else (other, store)
            await writer.write(lambda tx, login=login: tx.logins.start(login))  # type: ignore[misc]  # binds this one
            assert await reader.read(lambda tx, login=login: tx.logins.find(login.id)) == login  # type: ignore[misc]

    async def test_work_of_many_threads_is_all_done(self, store: Store, other: Store) -> None:
        def many(number: int) -> object:
            return lambda tx: [
                tx.clients.add(samples.client(id=ClientId(f"{number}-{index}"))) or tx.audit.record(samples.tested())
                for index in range(20)
            ]

        race([store, other], *(many(number) for number in range(RACERS)))  # type: ignore[arg-type]
        assert len(await store.read(lambda tx: tx.clients.list())) == RACERS * 20

    async def test_a_caller_that_goes_away_harms_nobody(self, store: Store) -> None:
        leaving = [asyncio.ensure_future(store.write(lambda tx: tx.people.put([samples.person()]))) for _ in range(20)]
        await asyncio.sleep(0)
        for caller in leaving:
            caller.cancel()
        await store.write(lambda tx: tx.logins.start(samples.login()))
        assert await store.read(lambda tx: tx.logins.find(samples.LOGIN)) is not None


class SweepContract:
    async def test_what_has_expired_goes_and_the_rest_stays(self, store: Store) -> None:
        long_ago = NOW - SWEEP_MARGIN

        def fill(tx: Tx) -> None:
            for name, until in (("old", long_ago), ("new", long_ago + samples.MICROSECOND)):
                digest = name.encode()
                tx.challenges.put(samples.challenge(digest=digest, expires_at=until))
                tx.enrolments.put(samples.enrolment(digest=digest, expires_at=until))
                tx.failures.add(name, now=long_ago - LATER_BY, until=until)
                tx.logins.start(samples.login(id=LoginId(name), expires_at=until))
                tx.codes.put(digest, samples.grant(expires_at=until))
                tx.access_tokens.put(samples.token(digest=digest, session=None, expires_at=until))
                tx.refresh_families.put(samples.family(code=name.encode() + b"-family", expires_at=until))
                tx.assertions.first_seen(ISSUER, samples.CLIENT, name, expires_at=until)
                tx.pushed_requests.put(digest, samples.pushed(expires_at=until))
                tx.dpop_proofs.first_seen(digest, expires_at=until)
            tx.audit.record(samples.tested(at=NOW - timedelta(days=10_000)))

        await store.write(fill)
        assert await store.sweep(NOW) == 10
        assert await store.sweep(NOW) == 0

        def left(tx: Tx) -> list[bool]:
            return [
                found
                for name in ("old", "new")
                for digest in [name.encode()]
                for found in (
                    tx.challenges.take(digest, now=long_ago - LATER_BY) is not None,
                    tx.enrolments.find(digest) is not None,
                    tx.failures.count(name, now=long_ago - LATER_BY) == 1,
                    tx.logins.find(LoginId(name)) is not None,
                    tx.codes.redeem(digest, now=NOW) is not None,
                    tx.access_tokens.find(digest) is not None,
                    tx.refresh_families.find(digest + b"-family") is not None,
                    not tx.assertions.first_seen(ISSUER, samples.CLIENT, name, expires_at=NOW),
                    tx.pushed_requests.take(digest) is not None,
                    not tx.dpop_proofs.first_seen(digest, expires_at=NOW),
                )
            ]

        assert await store.write(left) == [False] * 10 + [True] * 10
        assert len(await store.read(lambda tx: tx.audit.search())) == 1

    async def test_rfc6749_4_1_2_a_redeemed_code_is_remembered_while_its_token_lives(self, store: Store) -> None:
        code = b"k" * 32
        grant, token = samples.grant(), samples.token(session=None, code=code)
        await store.write(lambda tx: tx.codes.put(code, grant))
        assert isinstance(await store.write(lambda tx: tx.codes.redeem(code, now=NOW)), Redeemed)
        await store.write(lambda tx: tx.access_tokens.put(token))

        await store.sweep(token.expires_at)
        assert isinstance(await store.write(lambda tx: tx.codes.redeem(code, now=NOW)), Replayed)
        await store.sweep(token.expires_at + SWEEP_MARGIN)
        assert await store.write(lambda tx: tx.codes.redeem(code, now=NOW)) is None

    async def test_rfc6749_4_1_2_a_redeemed_code_is_remembered_while_its_refresh_tokens_live(
        self, store: Store
    ) -> None:
        code = b"k" * 32
        family = samples.family(code=code)
        await store.write(lambda tx: tx.codes.put(code, samples.grant()))
        assert isinstance(await store.write(lambda tx: tx.codes.redeem(code, now=NOW)), Redeemed)
        await store.write(lambda tx: tx.refresh_families.put(family))

        await store.sweep(family.expires_at)
        assert isinstance(await store.write(lambda tx: tx.codes.redeem(code, now=NOW)), Replayed)
        await store.sweep(family.expires_at + SWEEP_MARGIN)
        assert await store.write(lambda tx: tx.codes.redeem(code, now=NOW)) is None

    async def test_a_session_goes_long_after_its_last_use_with_its_clients(self, store: Store) -> None:
        new = samples.session(id=SessionId("new"), digest=b"n", last_used_at=NOW + samples.MICROSECOND)
        for session in (samples.session(last_used_at=NOW), new):
            await store.write(lambda tx, session=session: tx.sessions.start(session))  # type: ignore[misc]
            await store.write(lambda tx, session=session: tx.sessions.joined(session.id, samples.CLIENT))  # type: ignore[misc]
        await store.sweep(NOW + LATER_BY, sessions_kept=LATER_BY + samples.MICROSECOND)
        assert await store.read(lambda tx: tx.sessions.get(SESSION)) is not None
        await store.sweep(NOW + LATER_BY, sessions_kept=LATER_BY)
        assert await store.read(lambda tx: tx.sessions.get(SESSION)) is None
        assert list(await store.read(lambda tx: tx.sessions.clients_of(SESSION))) == []
        assert await store.read(lambda tx: tx.sessions.get(new.id)) == new
        assert list(await store.read(lambda tx: tx.sessions.clients_of(new.id))) == [samples.CLIENT]

    async def test_goes_in_bounded_batches_to_the_end(self, store: Store) -> None:
        many = SWEEP_BATCH * 2 + 1

        def fill(tx: Tx) -> None:
            for number in range(many):
                tx.assertions.first_seen(ISSUER, samples.CLIENT, str(number), expires_at=NOW)

        await store.write(fill)
        assert await store.write(lambda tx: tx.sweep(now=LATER, limit=SWEEP_BATCH)) == SWEEP_BATCH
        assert await store.sweep(LATER) == many - SWEEP_BATCH


LATER_BY = timedelta(hours=1)


async def _shielded(store: Store, work: object) -> None:
    """Outside the test's own task, which KeyboardInterrupt would end."""
    await store.write(work)  # type: ignore[arg-type]
