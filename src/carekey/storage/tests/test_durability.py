"""Acknowledged is durable: `kill -9` loses nothing that was answered, and leaves nothing half done."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from carekey.kernel.ids import ClientId
from carekey.storage import Store, open_store
from carekey.storage.conformance.postgresql import NotInstalled, running_server
from carekey.storage.conformance.samples import ISSUER
from carekey.storage.sql.migrate import upgrade
from carekey.storage.tests import writer

pytestmark = pytest.mark.anyio

ENOUGH = 300


def start_writer(url: str) -> tuple[subprocess.Popen[str], list[str]]:
    """A process that writes, and the ids that it has been answered for; returns in the middle of it."""
    process = subprocess.Popen([sys.executable, writer.__file__, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    answered = [line.strip() for line, _ in zip(process.stdout, range(ENOUGH), strict=False)]
    assert len(answered) == ENOUGH
    return process, answered


def the_rest(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    lines = process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    process.wait(60)
    return [line.strip() for line in lines if line.endswith("\n")]


async def assert_all_there(store: Store, answered: list[str]) -> None:
    for id in answered:
        assert await store.read(lambda tx, name=id: tx.clients.find(ISSUER, ClientId(name))), id
        assert len(await store.read(lambda tx, name=id: tx.audit.search(reference=name))) == 1
    clients = {client.id for client in await store.read(lambda tx: tx.clients.list())}
    recorded = {event.reference for event in await store.read(lambda tx: tx.audit.search(limit=1_000_000))}
    assert clients == recorded


async def test_sqlite_when_the_process_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/carekey.db"
    upgrade(url)
    process, answered = start_writer(url)
    process.send_signal(signal.SIGKILL)
    answered += the_rest(process)
    store = open_store(url)
    await assert_all_there(store, answered)
    store.close()


@pytest.mark.postgres
@pytest.mark.parametrize("victim", ["us", "the server"])
async def test_postgresql_when_it_or_we_are_killed(victim: str) -> None:
    try:
        with running_server(durable=True) as server:
            upgrade(server.url)
            process, answered = start_writer(server.url)
            if victim == "the server":
                server.kill()
                server.start()
            process.send_signal(signal.SIGKILL)
            answered += the_rest(process)
            store = open_store(server.url)
            await assert_all_there(store, answered)
            store.close()
    except NotInstalled as missing:
        pytest.fail(str(missing), pytrace=False)
