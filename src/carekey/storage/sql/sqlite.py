"""SQLite: reads on the caller's own thread, writes on one thread that commits together what waits together."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from weakref import WeakSet

from carekey.storage.encoding import storable_text
from carekey.storage.errors import StorageError
from carekey.storage.sql import version
from carekey.storage.sql.connection import Row, Value
from carekey.storage.sql.dialect import SQLITE
from carekey.storage.sql.jobs import Job, Jobs, answer
from carekey.storage.sql.transaction import SqlTx
from carekey.storage.store import Store, Tx

T = TypeVar("T")

BATCH = 128
"""Units of work in one commit at most, so that another process gets its turn."""

PATIENCE = 30.0
"""Seconds to wait while another process writes."""


class SqliteConnection(sqlite3.Connection):
    """A `Connection`. Half a surrogate pair matches nothing that is stored, and raises nothing."""

    def run(self, sql: str, values: Sequence[Value]) -> None:
        try:
            self.execute(sql, values)
        except UnicodeEncodeError:
            self.execute(sql, _storable(values))

    def changed(self, sql: str, values: Sequence[Value]) -> int:
        try:
            return self.execute(sql, values).rowcount
        except UnicodeEncodeError:
            return self.execute(sql, _storable(values)).rowcount

    def one(self, sql: str, values: Sequence[Value]) -> Row | None:
        try:
            row: Row | None = self.execute(sql, values).fetchone()
        except UnicodeEncodeError:
            row = self.execute(sql, _storable(values)).fetchone()
        return row

    def all(self, sql: str, values: Sequence[Value]) -> list[Row]:
        try:
            return self.execute(sql, values).fetchall()
        except UnicodeEncodeError:
            return self.execute(sql, _storable(values)).fetchall()

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        try:
            self.executemany(sql, rows)
        except UnicodeEncodeError:
            raise StorageError("A text holds half of a character (a lone surrogate): correct the row.") from None


def _storable(values: Sequence[Value]) -> list[Value]:
    return [storable_text(value) if isinstance(value, str) else value for value in values]


def path_of(url: str) -> Path:
    """`sqlite:///relative/path` or `sqlite:////absolute/path`. Raises: StorageError."""
    path = url.removeprefix("sqlite:///")
    if path in {url, ""}:
        raise StorageError("The address of a SQLite database is sqlite:/// and then the path of its file.")
    return Path(path)


def connect(path: Path, *, create: bool = False) -> SqliteConnection:
    """Raises: StorageError."""
    if not path.parent.is_dir():
        raise StorageError(f"The folder {path.parent} does not exist: make it, or set another database address.")
    if not create and not path.exists():
        raise StorageError(f"There is no database at {path}: run “carekey db upgrade” to make it.")
    try:
        if create:
            path.touch(mode=0o600)  # people and keys are in it; SQLite gives its other files the same mode
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=PATIENCE,
            isolation_level=None,  # BEGIN and COMMIT are said, not guessed
            check_same_thread=False,  # closed by whoever closes the store
            cached_statements=256,
            factory=SqliteConnection,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA journal_size_limit = 67108864")  # bytes
        connection.execute("PRAGMA cache_size = -16384")  # KiB, for a national directory
    except (OSError, sqlite3.DatabaseError) as error:
        raise StorageError(
            f"The database {path} cannot be opened ({error}): check the file and who may write it."
        ) from None
    return connection


def version_of(connection: SqliteConnection) -> str | None:
    """Raises: StorageError if the file is not a database."""
    try:
        found: str = connection.execute(version.FIND).fetchone()[0]
    except (sqlite3.OperationalError, TypeError):  # no such table, or no row in it
        return None
    return found


class SqliteStore(Store):
    def __init__(self, url: str) -> None:
        self._path = path_of(url)
        connection = connect(self._path)
        try:
            version.require(version_of(connection))
        except StorageError:
            connection.close()
            raise
        self._jobs = Jobs()
        self._local = threading.local()
        self._readers: WeakSet[_Reader] = WeakSet()
        self._connection = connection
        self._writer = threading.Thread(target=_Writer(connection, self._jobs).run, name="carekey-writer", daemon=True)
        self._writer.start()

    async def read(self, work: Callable[[Tx], T]) -> T:
        try:
            reader: _Reader = self._local.reader
        except AttributeError:
            reader = self._reader()
        try:
            # One moment for all that is looked at, and one lock instead of one for each statement.
            reader.connection.execute("BEGIN")
            try:
                return work(reader.tx)
            finally:
                reader.connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise _refused(error) from None

    async def write(self, work: Callable[[Tx], T]) -> T:
        return await self._jobs.do(work)

    def close(self) -> None:
        if self._jobs.close():
            self._writer.join()
            for reader in list(self._readers):
                reader.connection.close()

    def _reader(self) -> "_Reader":
        if self._jobs.closed:
            raise StorageError("The store is closed.")
        self._local.reader = reader = _Reader(self._path)
        self._readers.add(reader)
        return reader


class _Reader:
    """One thread's connection, closed when the thread ends or the store is closed."""

    def __init__(self, path: Path) -> None:
        self.connection = connect(path)
        self.connection.execute("PRAGMA query_only = ON")
        self.tx = SqlTx(self.connection, SQLITE)

    def __del__(self) -> None:
        self.connection.close()


class _Writer:
    """Group commit: while one commit reaches the disk, the next units of work gather and share the following one."""

    def __init__(self, connection: SqliteConnection, jobs: Jobs) -> None:
        self._connection = connection
        self._tx = SqlTx(connection, SQLITE)
        self._jobs = jobs

    def run(self) -> None:
        while job := self._jobs.next():
            batch = [job, *self._jobs.waiting(BATCH - 1)]
            self._commit(batch)
            answer(batch)
        self._connection.close()

    def _commit(self, batch: list[Job]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            if len(batch) == 1:
                kept = batch if batch[0].attempt(self._tx) else []
            else:
                kept = [job for job in batch if self._attempt_apart(job)]
            self._connection.execute("COMMIT" if kept else "ROLLBACK")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            for job in batch:
                job.error = job.error or error
        for job in batch:
            if isinstance(job.error, sqlite3.Error):
                job.error = _refused(job.error)

    def _attempt_apart(self, job: Job) -> bool:
        """Run one unit of several, so that its failure undoes nothing of its neighbours."""
        self._connection.execute("SAVEPOINT unit")
        succeeded = job.attempt(self._tx)
        if not succeeded:
            self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")
        return succeeded


_FAULTS = {
    "SQLITE_READONLY": "Work that was given to read() tried to write, or the file may not be written: check its owner.",
    "SQLITE_BUSY": f"Another process has kept the database to itself for {PATIENCE:.0f} seconds: see what it does.",
    "SQLITE_FULL": "The disk is full: make room, nothing was written.",
}


def _refused(error: sqlite3.Error) -> StorageError:
    name = getattr(error, "sqlite_errorname", "")
    return StorageError(_FAULTS.get(name) or f"The database refused: {error}.")
