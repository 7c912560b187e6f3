"""What only PostgreSQL can do: go away, come back, and refuse two who are in each other's way."""

import asyncio
import threading

import psycopg
import pytest

from carekey.kernel.ids import ClientId
from carekey.storage import OutcomeUnknown, StorageError, Tx, open_store
from carekey.storage.conformance import samples
from carekey.storage.conformance.backends import emptied
from carekey.storage.conformance.postgresql import Server, running_server
from carekey.storage.conformance.samples import CLIENT, ISSUER
from carekey.storage.sql import postgresql as module
from carekey.storage.sql.migrate import upgrade
from carekey.storage.sql.postgresql import _Session

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]


@pytest.fixture
def url(postgresql: Server) -> str:
    return emptied(postgresql)


def end_every_connection(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_connections_that_were_ended_while_idle_are_made_again(url: str) -> None:
    store = open_store(url)
    for number in range(20):
        client = samples.client(id=ClientId(str(number)))
        assert await store.write(lambda tx, client=client: tx.clients.add(client))
        end_every_connection(url)
        await store.write(lambda tx, number=number: tx.audit.record(samples.tested(reference=str(number))))
        end_every_connection(url)
        assert await store.read(lambda tx, client=client: tx.clients.find(ISSUER, client.id)) == client
    assert len(await store.read(lambda tx: tx.audit.search())) == 20
    store.close()


async def test_a_unit_that_loses_its_connection_before_the_commit_is_run_again(url: str) -> None:
    store = open_store(url)
    runs: list[int] = []

    def work(tx: Tx) -> bool:
        runs.append(1)
        added = tx.clients.add(samples.client())
        if len(runs) < 3:
            end_every_connection(url)
        tx.clients.find(ISSUER, CLIENT)
        return added

    assert await store.write(work)
    assert len(runs) == 3
    store.close()


async def test_a_server_that_restarts_is_waited_for() -> None:
    with running_server() as server:
        upgrade(server.url)
        store = open_store(server.url)
        await store.write(lambda tx: tx.clients.add(samples.client()))
        server.stop()
        threading.Timer(0.2, server.start).start()
        assert await store.read(lambda tx: tx.clients.find(ISSUER, CLIENT)) == samples.client()
        store.close()


async def test_a_server_that_stays_away_is_an_error_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0))
    with running_server() as server:
        upgrade(server.url)
        store = open_store(server.url.replace("carekey@", "carekey:hunter2@"))
        server.stop()
        for ask in (store.read, store.write):
            with pytest.raises(StorageError, match="cannot be reached") as error:
                await ask(lambda tx: tx.clients.list())
            assert "hunter2" not in str(error.value)
        server.start()
        assert await store.read(lambda tx: tx.clients.list()) == []
        store.close()


async def test_a_connection_lost_during_the_commit_leaves_the_outcome_unknown(postgresql: Server) -> None:
    """COMMIT waits for a lock that a deferred trigger wants; meanwhile its connection is ended."""
    url = postgresql.database("unknown")
    upgrade(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION wait_for_it() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON clients DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION wait_for_it()"
        )
        connection.execute("SELECT pg_advisory_lock(1)")
        store = open_store(url)
        runs: list[int] = []

        def work(tx: Tx) -> bool:
            runs.append(1)
            return tx.clients.add(samples.client())

        writing = asyncio.ensure_future(store.write(work))
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
        while connection.execute(waiting).fetchone() != (1,):  # noqa: ASYNC110 (the event is the server's)
            await asyncio.sleep(0.01)
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory'")
        with pytest.raises(OutcomeUnknown):
            await writing
        assert runs == [1]
        store.close()


async def test_of_two_that_wait_for_each_other_both_are_done(url: str) -> None:
    store = open_store(url)
    for id in ("a", "b"):
        await store.write(lambda tx, name=id: tx.clients.add(samples.client(id=ClientId(name))))
    met = threading.Barrier(2)
    runs: list[int] = []

    def both(first: str, second: str) -> object:
        def work(tx: Tx) -> bool:
            runs.append(1)
            tx.clients.replace(samples.client(id=ClientId(first), name=first + second))
            if len(runs) <= 2:
                met.wait(30)
            return tx.clients.replace(samples.client(id=ClientId(second), name=first + second))

        return work

    assert await asyncio.gather(store.write(both("a", "b")), store.write(both("b", "a"))) == [True, True]
    assert len(runs) > 2
    store.close()


async def test_work_that_passes_over_an_error_is_not_committed(url: str) -> None:
    store = open_store(url)
    await store.write(lambda tx: tx.logins.start(samples.login()))

    def work(tx: Tx) -> None:
        tx.clients.add(samples.client())
        tx.logins.start(samples.login())
        with pytest.raises(psycopg.Error):
            tx.logins.find(samples.LOGIN)

    with pytest.raises(StorageError):
        await store.write(work)
    assert await store.read(lambda tx: tx.clients.list()) == []
    store.close()


def test_a_statement_whose_preparation_was_passed_over_is_prepared_again(url: str) -> None:
    session = _Session(url)
    session.unit.transaction(lambda: session.writes.logins.start(samples.login()))

    def work() -> None:
        session.writes.logins.start(samples.login())
        session.writes.audit.record(samples.tested())

    with pytest.raises(psycopg.errors.UniqueViolation):
        session.unit.transaction(work)
    session.unit.transaction(lambda: session.writes.audit.record(samples.tested()))
    assert len(session.reads.audit.search()) == 1
    session.driver.close()


async def test_many_rows_fill_no_pipe(url: str) -> None:
    store = open_store(url)
    every = [samples.organisation(code=str(number), name="x" * 5_000) for number in range(5_000)]
    await store.write(lambda tx: tx.organisations.put(every))
    assert len(await store.read(lambda tx: tx.organisations.find([each.code for each in every]))) == 5_000
    store.close()
