"""The stores that the contracts are run on."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from carekey.storage import Store, open_store
from carekey.storage.conformance.postgresql import NotInstalled, Server, running_server
from carekey.storage.sql.migrate import upgrade
from carekey.storage.sql.schema import metadata

Open = Callable[[], Store]
"""Opens the same database once more, as another process would."""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    try:
        with running_server() as server:
            upgrade(server.url)
            yield server
    except NotInstalled as missing:
        pytest.fail(str(missing), pytrace=False)


def emptied(server: Server) -> str:
    """The address of the server's database, which is migrated once and emptied for each test."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(str(table.delete()).encode())
    return server.url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Each call is another opening of one new, empty database."""
    opened: list[Store] = []

    def opening(url: str) -> Open:
        def once_more() -> Store:
            opened.append(open_store(url))
            return opened[-1]

        return once_more

    match request.param:
        case "memory":
            only = open_store("memory:")
            yield lambda: only
        case "sqlite":
            path = tmp_path / "carekey.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
            yield opening(f"sqlite:///{path}")
        case "postgresql":
            server: Server = request.getfixturevalue("postgresql")
            yield opening(emptied(server))
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Open) -> Store:
    return reopen()


@pytest.fixture
def other(reopen: Open, store: Store) -> Store:
    return reopen()
