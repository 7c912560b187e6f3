"""What only SQLite can do."""

import asyncio
import sqlite3
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from carekey.kernel.ids import ClientId
from carekey.storage import StorageError, open_store
from carekey.storage.conformance import samples
from carekey.storage.conformance.samples import ISSUER
from carekey.storage.sql import sqlite as module
from carekey.storage.sql.migrate import upgrade
from carekey.storage.store import Tx

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path}/carekey.db"
    upgrade(address)
    return address


async def test_what_waits_together_is_committed_together(url: str) -> None:
    store = open_store(url)
    commits: list[str] = []
    entered, release = threading.Event(), threading.Event()

    def first(tx: object) -> None:
        entered.set()
        assert release.wait(30)

    waiting = asyncio.ensure_future(store.write(first))
    await asyncio.to_thread(entered.wait, 30)
    others = [
        asyncio.ensure_future(store.write(lambda tx, n=number: tx.clients.add(samples.client(id=ClientId(str(n))))))
        for number in range(50)
    ]
    await asyncio.sleep(0)
    tracing = store._connection
    tracing.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    release.set()
    await waiting
    assert all(await asyncio.gather(*others))
    assert commits == ["COMMIT", "COMMIT"]
    store.close()


async def test_a_read_sees_one_moment(url: str) -> None:
    store = open_store(url)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)

    def twice(tx: Tx) -> list[int]:
        before = len(tx.clients.list())
        other.execute("INSERT INTO clients (issuer, id, name, data) VALUES ('i', 'c', 'n', '{}')")
        return [before, len(tx.clients.list())]

    assert await store.read(twice) == [0, 0]
    with pytest.raises(RuntimeError, match="the work's own"):
        await store.read(_fails)
    other.execute("DELETE FROM clients")
    assert await store.read(lambda tx: tx.clients.list()) == []
    other.close()
    store.close()


def _fails(tx: Tx) -> None:
    raise RuntimeError("the work's own")


async def test_another_process_that_keeps_it_to_itself_is_an_error_in_words(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    store = open_store(url)
    rival = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="Another process"):
        await store.write(lambda tx: tx.clients.add(samples.client()))
    rival.execute("ROLLBACK")
    rival.close()
    assert await store.write(lambda tx: tx.clients.add(samples.client()))
    store.close()


async def test_a_full_disk_is_an_error_in_words_and_loses_nothing(url: str) -> None:
    store = open_store(url)
    assert await store.write(lambda tx: tx.clients.add(samples.client()))
    connection = store._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    big = [samples.organisation(code=str(number), name="x" * 1_000) for number in range(1_000)]
    with pytest.raises(StorageError, match="disk is full"):
        await store.write(lambda tx: tx.organisations.put(big))
    assert await store.read(lambda tx: tx.clients.find(ISSUER, samples.CLIENT)) == samples.client()
    connection.execute(f"PRAGMA max_page_count = {pages * 1000}")
    await store.write(lambda tx: tx.organisations.put(big))
    store.close()


async def test_a_full_disk_fails_every_unit_of_the_commit_or_none(url: str) -> None:
    store = open_store(url)
    connection = store._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    metadata = {"note": "x" * 2_000}

    def add(number: int) -> object:
        client = samples.client(id=ClientId(str(number)), metadata=metadata)
        return store.write(lambda tx: tx.clients.add(client))

    answers = await asyncio.gather(*(add(number) for number in range(20)), return_exceptions=True)
    assert any(isinstance(answer, StorageError) for answer in answers)
    for number, answer in enumerate(answers):
        found = await store.read(lambda tx, n=number: tx.clients.find(ISSUER, ClientId(str(n))))
        assert (found is not None) == (answer is True)
    store.close()


async def test_several_processes_share_the_file(url: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from carekey.storage import open_store\n"
        "from carekey.storage.conformance import samples\n"
        "async def main():\n"
        "    store = open_store(sys.argv[1])\n"
        "    for number in range(50):\n"
        "        client = samples.client(id=f'{sys.argv[2]}-{number}')\n"
        "        await store.write(lambda tx: tx.clients.add(client))\n"
        "    store.close()\n"
        "asyncio.run(main())\n"
    )
    run = partial(asyncio.create_subprocess_exec, sys.executable, "-c", program, url)
    processes = [await run(name) for name in "ab"]
    assert [await process.wait() for process in processes] == [0, 0]
    store = open_store(url)
    assert len(await store.read(lambda tx: tx.clients.list())) == 100
    store.close()


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_closing_finishes_what_waits_and_refuses_what_comes(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    waiting = [
        asyncio.ensure_future(store.write(lambda tx, n=n: tx.clients.add(samples.client(id=ClientId(str(n))))))
        for n in range(20)
    ]
    await asyncio.sleep(0)
    store.close()
    store.close()
    assert all(await asyncio.gather(*waiting))
    with pytest.raises(StorageError, match="closed"):
        await store.write(lambda tx: tx.clients.list())
    with pytest.raises(StorageError):
        await store.read(lambda tx: tx.clients.list())
    assert names_in(tmp_path) == ["carekey.db"]  # nothing left in the write-ahead log


async def test_threads_that_end_take_their_connection_along(url: str) -> None:
    store = open_store(url)
    for _ in range(5):
        thread = threading.Thread(target=lambda: asyncio.run(store.read(lambda tx: tx.clients.list())))
        thread.start()
        thread.join()
    assert len(store._readers) == 0
    store.close()
