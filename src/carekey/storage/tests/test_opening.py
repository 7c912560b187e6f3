"""A database that cannot be used: one sentence, and the fix."""

import sqlite3
from pathlib import Path

import pytest

from carekey.storage import StorageError, open_store
from carekey.storage.conformance.postgresql import Server
from carekey.storage.sql.migrate import check, upgrade


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def with_version(path: Path, version: str) -> Path:
    upgrade(url(path))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))
    database.close()
    return path


def no_database(path: Path) -> Path:
    path.write_bytes(b"This is a letter to a patient. " * 200)
    return path


def empty(path: Path) -> Path:
    sqlite3.connect(path).close()
    path.touch()
    return path


@pytest.mark.parametrize("use", [open_store, check])
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "none" / "carekey.db", "make it"),
        (lambda folder: folder / "carekey.db", "carekey db upgrade"),
        (lambda folder: empty(folder / "carekey.db"), "carekey db upgrade"),
        (lambda folder: no_database(folder / "letter.txt"), "not a database"),
        (lambda folder: folder, "cannot be opened"),
        (lambda folder: with_version(folder / "carekey.db", "9999"), "newer CareKey"),
    ],
)
def test_a_sqlite_database_that_cannot_be_used(tmp_path: Path, use: object, make: object, says: str) -> None:
    with pytest.raises(StorageError, match=says) as error:
        use(url(make(tmp_path)))
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("address", ["", "mysql://localhost/x", "sqlite:", "sqlite:///", "carekey.db"])
def test_an_address_of_nothing_that_we_know(address: str) -> None:
    with pytest.raises(StorageError):
        open_store(address)


def test_an_upgrade_refuses_a_newer_database_and_changes_nothing(tmp_path: Path) -> None:
    path = with_version(tmp_path / "carekey.db", "9999")
    with pytest.raises(StorageError, match="newer CareKey"):
        upgrade(url(path))
    with pytest.raises(StorageError, match="version 9999"):
        check(url(path))


def test_an_upgrade_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="make it"):
        upgrade(url(tmp_path / "none" / "carekey.db"))
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_may_read_a_new_database(tmp_path: Path) -> None:
    path = tmp_path / "carekey.db"
    upgrade(url(path))
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_upgrade_may_be_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        upgrade(url(tmp_path / "carekey.db"))
        check(url(tmp_path / "carekey.db"))


def test_a_password_is_never_told() -> None:
    with pytest.raises(StorageError) as error:
        open_store("postgresql://carekey:hunter2@127.0.0.1:1/carekey")
    assert "hunter2" not in str(error.value)
    assert "127.0.0.1" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_malformed_address_is_not_repeated() -> None:
    with pytest.raises(StorageError) as error:
        open_store("postgresql://carekey:hunter2@[::1/carekey")
    assert "hunter2" not in str(error.value)


@pytest.mark.postgres
def test_a_postgresql_database_that_cannot_be_used(postgresql: Server) -> None:
    bare = postgresql.database("bare")
    with pytest.raises(StorageError, match="carekey db upgrade"):
        open_store(bare)
    with pytest.raises(StorageError, match="carekey db upgrade"):
        check(bare)
    with pytest.raises(StorageError, match="does not exist"):
        open_store(bare + "less")
