"""Bringing a database to this version, and asking which it is of."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from carekey.storage.errors import StorageError
from carekey.storage.sql import version
from carekey.storage.sql.dialect import POSTGRESQL, SQLITE, Dialect


def check(url: str) -> None:
    """Raises: StorageError, one sentence with the fix, if the database is not of this version."""
    with _opened(url, create=False) as (_, found, _dialect):
        version.require(found)


def upgrade(url: str) -> None:
    """Make the tables, or bring them to this version; nothing if they are of it already.

    A SQLite file is made if it is missing, its folder is not. All or nothing: a revision that fails leaves the
    database as it was.
    Raises: StorageError.
    """
    with _opened(url, create=True) as (driver, found, dialect):
        if found is not None and found not in version.REVISIONS:
            version.require(found)
        if found != version.REVISIONS[-1]:
            _run(driver, dialect)


@contextmanager
def _opened(url: str, *, create: bool) -> Iterator[tuple[Any, str | None, Dialect]]:
    """The driver's connection, the version found, and the dialect."""
    if url.startswith("sqlite:"):
        from carekey.storage.sql import sqlite

        with closing(sqlite.connect(sqlite.path_of(url), create=create)) as file:
            yield file, sqlite.version_of(file), SQLITE
    elif url.startswith(("postgresql:", "postgres:")):
        from carekey.storage.sql import postgresql

        with closing(postgresql.connect(url)) as driver:
            found = postgresql.version_of(driver)
            driver.autocommit = False
            yield driver, found, POSTGRESQL
    else:
        raise StorageError("Only sqlite: and postgresql: databases have a version.")


def _run(driver: Any, dialect: Dialect) -> None:
    from alembic import command  # a third of a second, which only an upgrade need spend
    from alembic.config import Config
    from sqlalchemy import StaticPool, create_engine

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = create_engine(
        {"sqlite": "sqlite://", "postgresql": "postgresql+psycopg://"}[dialect.name],
        creator=lambda: driver,
        poolclass=StaticPool,
    )
    config.attributes.update(engine=engine, alone=dialect.alone)
    command.upgrade(config, "head")
