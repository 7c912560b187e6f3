"""PostgreSQL: a few threads, each with a connection of its own."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import Cursor, Pipeline, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import Int8BinaryDumper

from carekey.storage.encoding import storable_text
from carekey.storage.errors import OutcomeUnknown, StorageError
from carekey.storage.sql import version
from carekey.storage.sql.connection import Row, Value
from carekey.storage.sql.dialect import POSTGRESQL
from carekey.storage.sql.jobs import Job, Jobs, answer
from carekey.storage.sql.transaction import SqlTx
from carekey.storage.store import Store, Tx

T = TypeVar("T")

THREADS = 6
"""Connections of one process. They wait more than they work; with several processes, mind `max_connections`."""

PAUSES = (0.0, 0.02, 0.1, 0.3, 1.0, 2.0)
"""Seconds before each further attempt: the first are for two units that got in each other's way, the last for a
server that is being replaced."""

Driver = psycopg.Connection[Row]

_InTheWay = (errors.SerializationFailure, errors.DeadlockDetected)


def connect(url: str) -> Driver:
    """Raises: StorageError; the address is told without its password."""
    try:
        connection = psycopg.connect(url, autocommit=True, prepare_threshold=0, connect_timeout=10)
    except psycopg.Error as error:
        raise _unreachable(url, error) from None
    connection.prepared_max = 500
    # One width for all integers: psycopg would choose by value, and each choice is a statement of its own to prepare.
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    return connection


def version_of(connection: Driver) -> str | None:
    try:
        row = connection.execute(version.FIND).fetchone()
    except errors.UndefinedTable:
        return None
    return row[0] if row else None


class _Unreachable(StorageError):
    pass


def _unreachable(url: str, error: psycopg.Error) -> StorageError:
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return StorageError("The database address is malformed: write postgresql://user@host:port/name.")
    place = f"{parts.get('dbname', '')} at {parts.get('host', 'the default socket')}:{parts.get('port', 5432)}"
    why = " ".join(str(error).split())
    return _Unreachable(f"The database {place} cannot be reached ({why}): check the address and that the server runs.")


class _Reads:
    """A `Connection` on which each statement stands for itself."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def run(self, sql: str, values: Sequence[Value]) -> None:
        self._select(sql, values)

    def changed(self, sql: str, values: Sequence[Value]) -> int:
        return self._select(sql, values).rowcount

    def one(self, sql: str, values: Sequence[Value]) -> Row | None:
        return self._select(sql, values).fetchone()

    def all(self, sql: str, values: Sequence[Value]) -> list[Row]:
        return self._select(sql, values).fetchall()

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        for values in rows:
            self._select(sql, values)

    def _select(self, sql: str, values: Sequence[Value]) -> Cursor[Row]:
        if not sql.startswith("SELECT"):
            raise StorageError("Work that was given to read() tried to write: give it to write().")
        return _execute(self._driver, sql, values)


class _Writes:
    """A `Connection` in the middle of a transaction, which is one pipeline: statements go out together up to the
    first whose answer is needed, so that a unit of work costs as many round trips as it asks questions, and one."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._pipeline: Pipeline | None = None
        self._answered = False

    def transaction(self, work: Callable[[], T]) -> T:
        """Run the work between BEGIN and COMMIT. Raises: OutcomeUnknown; whatever the driver or the work raises."""
        driver, committing = self._driver, False
        self._answered = False
        try:
            with driver.pipeline() as self._pipeline:
                driver.execute("BEGIN ISOLATION LEVEL READ COMMITTED", prepare=False)
                answer = work()
                if not self._answered:  # so that a connection that was dead all along is found before the commit
                    self._pipeline.sync()
                committing = True
                end = driver.execute("COMMIT", prepare=False)
        except BaseException as error:
            if not driver.closed:
                driver.rollback()
            elif committing and isinstance(error, psycopg.Error):
                raise OutcomeUnknown(
                    "The connection was lost during a commit: whether the work was done is not known."
                ) from None
            raise
        if end.statusmessage != "COMMIT":  # the work passed over an error, after which PostgreSQL keeps nothing
            raise StorageError("The database refused a statement and rolled the transaction back.")
        return answer

    def run(self, sql: str, values: Sequence[Value]) -> None:
        _execute(self._driver, sql, values)

    def changed(self, sql: str, values: Sequence[Value]) -> int:
        assert self._pipeline
        cursor = _execute(self._driver, sql, values)
        self._pipeline.sync()
        self._answered = True
        return cursor.rowcount

    def one(self, sql: str, values: Sequence[Value]) -> Row | None:
        row = _execute(self._driver, sql, values).fetchone()
        self._answered = True
        return row

    def all(self, sql: str, values: Sequence[Value]) -> list[Row]:
        rows = _execute(self._driver, sql, values).fetchall()
        self._answered = True
        return rows

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._driver.cursor().executemany(sql, rows)


def _execute(driver: Driver, sql: str, values: Sequence[Value]) -> Cursor[Row]:
    try:
        return driver.execute(sql, values, binary=True)
    except (errors.DataError, UnicodeEncodeError):
        storable = [storable_text(value) if isinstance(value, str) else value for value in values]
        if storable == list(values):
            raise
        return driver.execute(sql, storable, binary=True)


class PostgresqlStore(Store):
    def __init__(self, url: str) -> None:
        with connect(url) as first:
            version.require(version_of(first))
        self._jobs = Jobs()
        self._threads = [
            threading.Thread(target=_Worker(url, self._jobs).run, name=f"carekey-postgresql-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    async def read(self, work: Callable[[Tx], T]) -> T:
        return await self._jobs.do(work, writes=False)

    async def write(self, work: Callable[[Tx], T]) -> T:
        return await self._jobs.do(work)

    def close(self) -> None:
        if self._jobs.close():
            for thread in self._threads:
                thread.join()


class _Worker:
    """One thread and its connection, made when it is first needed and again when it was lost."""

    def __init__(self, url: str, jobs: Jobs) -> None:
        self._url = url
        self._jobs = jobs
        self._driver: Driver | None = None

    def run(self) -> None:
        while job := self._jobs.next():
            try:
                job.answer = self._perform(job)
            except BaseException as error:  # noqa: BLE001 (whatever it is, it belongs to the caller)
                job.error = error
            answer([job])
        if self._driver:
            self._driver.close()

    def _perform(self, job: Job) -> Any:
        """Run the work, and run it again where that is known to be safe. Raises: StorageError; what the work raises."""
        for pause in (*PAUSES, None):
            try:
                return self._once(job)
            except _Unreachable:
                if pause is None:
                    raise
            except psycopg.Error as error:
                again = isinstance(error, _InTheWay) or self._driver is None or self._driver.closed
                if pause is None or not again:
                    raise _refused(error) from None
            time.sleep(pause)
        raise AssertionError

    def _once(self, job: Job) -> Any:
        if self._driver is None or self._driver.closed:
            self._driver = connect(self._url)
            self._writes = _Writes(self._driver)
            self._tx = SqlTx(self._writes, POSTGRESQL)
            self._read_tx = SqlTx(_Reads(self._driver), POSTGRESQL)
        if job.writes:
            return self._writes.transaction(lambda: job.work(self._tx))
        return job.work(self._read_tx)


def _refused(error: psycopg.Error) -> StorageError:
    """Without the server's details, which quote the row."""
    why = error.diag.message_primary or type(error).__name__
    return StorageError(f"The database refused: {why}.")
