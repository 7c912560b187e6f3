"""The migrations make what `schema.py` describes, in both databases."""

import asyncio
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect

from carekey.storage.conformance.postgresql import Server
from carekey.storage.sql import migrate, version
from carekey.storage.sql.schema import metadata

pytestmark = pytest.mark.anyio


def assert_like_the_schema(migrated: Engine, described: Engine) -> None:
    metadata.create_all(described)
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    old, new = inspect(migrated), inspect(described)
    for table in metadata.tables:
        for aspect in ("get_columns", "get_indexes", "get_foreign_keys", "get_pk_constraint", "get_table_options"):
            found, expected = getattr(old, aspect)(table), getattr(new, aspect)(table)
            assert _comparable(found) == _comparable(expected), (table, aspect)
    migrated.dispose()
    described.dispose()


def _comparable(found: object) -> str:
    """Types and conditions have no equality, and their addresses differ."""
    if isinstance(found, dict):
        return str({key: _comparable(value) for key, value in found.items()})
    if isinstance(found, list):
        return str([_comparable(value) for value in found])
    return str(found)


def test_sqlite(tmp_path: Path) -> None:
    migrate.upgrade(f"sqlite:///{tmp_path}/migrated.db")
    assert_like_the_schema(
        create_engine(f"sqlite:///{tmp_path}/migrated.db"), create_engine(f"sqlite:///{tmp_path}/described.db")
    )


@pytest.mark.postgres
def test_postgresql(postgresql: Server) -> None:
    migrated, described = postgresql.url, postgresql.database("described")
    assert_like_the_schema(
        *(create_engine(url.replace("postgresql:", "postgresql+psycopg:")) for url in (migrated, described))
    )


def test_the_revisions_known_without_alembic_are_those_there_are() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(script.revision for script in reversed(list(scripts))) == version.REVISIONS


@pytest.mark.postgres
async def test_two_upgrades_at_once(postgresql: Server, tmp_path: Path) -> None:
    program = "import sys; from carekey.storage.sql.migrate import upgrade; upgrade(sys.argv[1])"
    for url in (postgresql.database("at_once"), f"sqlite:///{tmp_path}/carekey.db"):
        running = [await asyncio.create_subprocess_exec(sys.executable, "-c", program, url) for _ in range(3)]
        assert [await process.wait() for process in running] == [0, 0, 0]
        migrate.check(url)
