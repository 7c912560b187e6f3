"""PostgreSQL's extended protocol in pipeline mode, over psycopg's libpq.

Statements go out together up to the first whose answer is needed. psycopg's own pipeline does the same at three to
four times the CPU (docs/adr/0003-one-store-plain-functions.md). Source: PostgreSQL, libpq, "Pipeline Mode".
"""

import select
import struct
from collections.abc import Sequence

from psycopg import OperationalError
from psycopg.adapt import Transformer
from psycopg.errors import PipelineAborted, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from carekey.storage.encoding import storable_text
from carekey.storage.sql.connection import Row, Value

_DONE = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})
_OWED_AT_MOST = 500
"""Answers left unread, so that a long import keeps neither side's memory."""

_int8 = struct.Struct(">q").pack


class Wire:
    """What is sent up to a `settle` is one segment. After an error the server passes over the rest of the segment,
    COMMIT included, so work that passes over an error cannot be committed by mistake."""

    def __init__(self, postgres: PGconn) -> None:
        self._postgres = postgres
        self._postgres.nonblocking = 1
        self._postgres.enter_pipeline_mode()
        self._transformer = Transformer()
        self._prepared: dict[str, bytes] = {}
        self._unsure: list[str] = []
        """Prepared in this segment."""
        self._names = 0
        self._owed = 0
        """Answers to statements of this segment that have not been read."""
        self._syncs = 0
        """Ends of segments that the server has not confirmed."""
        self._readable = select.poll()
        self._readable.register(postgres.socket, select.POLLIN)
        self._either = select.poll()
        self._either.register(postgres.socket, select.POLLIN | select.POLLOUT)

    @property
    def lost(self) -> bool:
        return self._postgres.status != ConnStatus.OK

    @property
    def in_transaction(self) -> bool:
        return self._postgres.transaction_status != TransactionStatus.IDLE

    def check(self) -> None:
        """Notice a server that went while nobody spoke to it. Raises: OperationalError."""
        while self._readable.poll(0):  # its last words, then the end
            self._postgres.consume_input()

    def send(self, sql: str, values: Sequence[Value] = ()) -> None:
        if self._owed >= _OWED_AT_MOST:
            self.answer()
        name = self._prepared.get(sql) or self._prepare(sql)
        if values:
            sent, formats = _encoded(values), [Format.BINARY] * len(values)
            self._postgres.send_query_prepared(name, sent, formats, Format.BINARY)
        else:
            self._postgres.send_query_prepared(name, None, None, Format.BINARY)
        self._owed += 1

    def answer(self) -> PGresult:
        """To the statement sent last. Raises: psycopg.Error, that of the first statement of the segment that failed."""
        self._postgres.send_flush_request()
        return self._collect()

    def settle(self) -> PGresult:
        """End the segment; the answer to the statement sent last. Raises: as `answer`."""
        self._sync()
        last = self._collect()
        self._receive()
        self._syncs -= 1
        self._unsure.clear()
        return last

    def recover(self) -> None:
        """After an error: end the segment, pass over what is left of it. Raises: OperationalError."""
        for sql in self._unsure:  # the server may have passed over these as well
            self._prepared.pop(sql, None)
        self._unsure.clear()
        if not self._syncs:
            self._sync()
        self._flush()
        while self._syncs:
            if self._receive().status == ExecStatus.PIPELINE_SYNC:
                self._syncs -= 1
        self._owed = 0

    def rows(self, result: PGresult) -> list[Row]:
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def _prepare(self, sql: str) -> bytes:
        first, *rest = sql.split("%s")
        numbered = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
        self._names += 1
        name = self._prepared[sql] = b"carekey_%d" % self._names
        self._postgres.send_prepare(name, numbered.encode())
        self._unsure.append(sql)
        self._owed += 1
        return name

    def _sync(self) -> None:
        self._postgres.pipeline_sync()
        self._syncs += 1

    def _collect(self) -> PGresult:
        self._flush()
        while True:
            result = self._receive()
            self._owed -= 1
            if result.status not in _DONE:
                if result.status == ExecStatus.PIPELINE_ABORTED:
                    raise PipelineAborted
                raise error_from_result(result)
            if not self._owed:
                return result

    def _receive(self) -> PGresult:
        postgres = self._postgres
        while True:
            while postgres.is_busy():
                self._readable.poll()
                postgres.consume_input()
            result = postgres.get_result()
            if result is not None:  # None stands between the answers to two statements
                return result
            if self.lost:
                raise OperationalError("the connection was lost")

    def _flush(self) -> None:
        while self._postgres.flush():
            for _, event in self._either.poll():
                if event != select.POLLOUT:  # or both sides wait for the other to read
                    self._postgres.consume_input()


def _encoded(values: Sequence[Value]) -> list[bytes | None]:
    """Binary, text too: as text, libpq would stop at a NUL, and find what nobody asked for."""
    return [
        value if value is None or isinstance(value, bytes) else _int8(value) if isinstance(value, int) else _text(value)
        for value in values
    ]


def _text(value: str) -> bytes:
    if "\0" in value:
        return storable_text(value).encode()
    try:
        return value.encode()
    except UnicodeEncodeError:
        return storable_text(value).encode()
