"""PostgreSQL: a few threads, each with a connection of its own."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from carekey.storage.errors import OutcomeUnknown, StorageError
from carekey.storage.sql import version
from carekey.storage.sql.connection import Row, Value
from carekey.storage.sql.dialect import POSTGRESQL
from carekey.storage.sql.jobs import Job, Jobs, answer
from carekey.storage.sql.transaction import SqlTx
from carekey.storage.sql.wire import Wire
from carekey.storage.store import Store, Tx

T = TypeVar("T")

THREADS = 6
"""Connections of one process. They wait more than they work; with several processes, mind `max_connections`."""

PAUSES = (0.0, 0.02, 0.1, 0.3, 1.0, 2.0)
"""Seconds before each further attempt: the first are for two units that got in each other's way, the last for a
server that is being replaced."""

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"

Driver = psycopg.Connection[Row]

_InTheWay = (errors.SerializationFailure, errors.DeadlockDetected)


def connect(url: str) -> Driver:
    """Raises: StorageError; the address is told without its password."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise StorageError("The database address is malformed: write postgresql://user@host:port/name.") from None
    # Notice within half a minute that a server has vanished without a word.
    patience: dict[str, Any] = {
        "connect_timeout": 10,
        "tcp_user_timeout": 30_000,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
    }
    try:
        return psycopg.connect(make_conninfo(**(patience | given)), autocommit=True)
    except psycopg.Error as error:
        place = f"{given.get('dbname', '')} at {given.get('host', 'the default socket')}:{given.get('port', 5432)}"
        why = " ".join(str(error).split())
        raise Unreachable(
            f"The database {place} cannot be reached ({why}): check its address, and that the server runs."
        ) from None


class Unreachable(StorageError):
    """Now; perhaps not in a second."""


def version_of(driver: Driver) -> str | None:
    try:
        row = driver.execute(version.FIND).fetchone()
    except errors.UndefinedTable:
        return None
    return row[0] if row else None


class _Reads:
    """A `Connection` on which each question stands for itself."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def run(self, sql: str, values: Sequence[Value]) -> None:
        self.all(sql, values)

    def changed(self, sql: str, values: Sequence[Value]) -> int:
        return len(self.all(sql, values))

    def one(self, sql: str, values: Sequence[Value]) -> Row | None:
        rows = self.all(sql, values)
        return rows[0] if rows else None

    def all(self, sql: str, values: Sequence[Value]) -> list[Row]:
        if not sql.startswith("SELECT"):
            raise StorageError("Work that was given to read() tried to write: give it to write().")
        wire = self._wire
        try:
            wire.send(sql, values)
            return wire.rows(wire.settle())
        except psycopg.Error:
            if not wire.lost:
                wire.recover()
            raise

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        for values in rows:
            self.all(sql, values)


class _Writes:
    """A `Connection` in the middle of a transaction. A unit of work costs one round trip, and one for each answer
    that it waits for."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def transaction(self, work: Callable[[], T]) -> T:
        """Run the work between BEGIN and COMMIT. Raises: OutcomeUnknown; what the driver or the work raises."""
        wire, committing = self._wire, False
        try:
            wire.check()
            wire.send(BEGIN)
            answer = work()
            wire.send("COMMIT")
            committing = True
            wire.settle()
        except BaseException:
            if not wire.lost:
                with suppress(psycopg.Error):
                    self._roll_back()
            if committing and wire.lost:
                raise OutcomeUnknown(
                    "The connection was lost during a commit: whether the work was done is not known."
                ) from None
            raise
        return answer

    def _roll_back(self) -> None:
        self._wire.recover()
        if self._wire.in_transaction:
            self._wire.send("ROLLBACK")
            self._wire.settle()

    def run(self, sql: str, values: Sequence[Value]) -> None:
        self._wire.send(sql, values)

    def changed(self, sql: str, values: Sequence[Value]) -> int:
        self._wire.send(sql, values)
        return self._wire.answer().command_tuples or 0

    def one(self, sql: str, values: Sequence[Value]) -> Row | None:
        rows = self.all(sql, values)
        return rows[0] if rows else None

    def all(self, sql: str, values: Sequence[Value]) -> list[Row]:
        self._wire.send(sql, values)
        return self._wire.rows(self._wire.answer())

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        for values in rows:
            self._wire.send(sql, values)


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


class _Session:
    """A connection with all that is made once for it."""

    def __init__(self, url: str) -> None:
        self.driver = connect(url)
        self.wire = Wire(self.driver.pgconn)
        self.reads = SqlTx(_Reads(self.wire), POSTGRESQL)
        self.unit = _Writes(self.wire)
        self.writes = SqlTx(self.unit, POSTGRESQL)


class _Worker:
    """One thread and its connection, made when it is first needed and again when it was lost."""

    def __init__(self, url: str, jobs: Jobs) -> None:
        self._url = url
        self._jobs = jobs
        self._session: _Session | None = None

    def run(self) -> None:
        while job := self._jobs.next():
            try:
                job.answer = self._perform(job)
            except BaseException as error:  # noqa: BLE001 (whatever it is, it belongs to the caller)
                job.error = error
            answer([job])
        if self._session:
            self._session.driver.close()

    def _perform(self, job: Job) -> Any:
        """Run the work, and run it again where that is known to be safe. Raises: StorageError; what the work raises."""
        for pause in (*PAUSES, None):
            try:
                return self._once(job)
            except Unreachable:
                if pause is None:
                    raise
            except psycopg.Error as error:
                again = isinstance(error, _InTheWay) or self._session is None or self._session.wire.lost
                if pause is None or not again:
                    raise _refused(error) from None
            time.sleep(pause)
        raise AssertionError

    def _once(self, job: Job) -> Any:
        session = self._session
        if session is None or session.wire.lost:
            if session:
                session.driver.close()
            session = self._session = _Session(self._url)
        if job.writes:
            return session.unit.transaction(lambda: job.work(session.writes))
        return job.work(session.reads)


def _refused(error: psycopg.Error) -> StorageError:
    """Without the server's details, which quote the row."""
    why = error.diag.message_primary or type(error).__name__
    return StorageError(f"The database refused: {why}.")
