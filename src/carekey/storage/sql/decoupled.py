"""Requests that a person decides elsewhere."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select, tuple_, update

from carekey.kernel.ids import PersonId
from carekey.oidc.decoupled.model import DecoupledRequest, State
from carekey.storage.encoding import maybe_from_micros, maybe_to_micros, to_json, to_micros
from carekey.storage.sql.connection import Connection, Row
from carekey.storage.sql.dialect import ONE, Dialect, at_most
from carekey.storage.sql.schema import decoupled_requests

_request = msgspec.json.Decoder(DecoupledRequest)


class _DecoupledRequestsSql:
    def __init__(self, dialect: Dialect) -> None:
        c = decoupled_requests.c
        this, waiting = c.key == bindparam("this"), c.state == bindparam("waiting")
        row = (c.data, c.state, c.polled_at, c.due_at, c.tries)
        one = select(*row).where(this)
        self.put = dialect.add_new(decoupled_requests, "user_code")
        self.find = dialect.text(one, "this")
        self.hold = dialect.text(one.with_for_update(), "this")
        self.by_user_code = dialect.text(select(*row).where(c.user_code == bindparam("code")), "code")
        self.waiting_for = dialect.text(
            select(*row).where(c.person == bindparam("whom"), waiting).order_by(c.requested_at, c.key),
            *("whom", "waiting"),
        )
        self.polled = dialect.text(
            update(decoupled_requests).values(polled_at=bindparam("now")).where(this), "now", "this"
        )
        self.decide = dialect.text(
            update(decoupled_requests).values(state=bindparam("new")).where(this, waiting), "new", "this", "waiting"
        )
        self.bring_forward = dialect.text(
            update(decoupled_requests).values(due_at=bindparam("at")).where(this, c.due_at.is_not(None)), "at", "this"
        )
        self.due = dialect.text(
            at_most(
                select(*row)
                .where(
                    c.due_at.is_not(None),
                    c.due_at <= bindparam("now"),
                    tuple_(c.due_at, c.key) > tuple_(bindparam("after_at"), bindparam("after_key")),
                )
                .order_by(c.due_at, c.key)
            ),
            *("now", "after_at", "after_key", "limit"),
        )
        this_try = (this, c.tries == bindparam("made"))
        self.claim = dialect.text(
            update(decoupled_requests)
            .values(due_at=bindparam("until"), tries=c.tries + ONE)
            .where(*this_try, c.due_at == bindparam("seen")),
            *("until", "this", "made", "seen"),
        )
        self.settle = dialect.text(
            update(decoupled_requests).values(due_at=bindparam("again")).where(*this_try, c.due_at.is_not(None)),
            *("again", "this", "made"),
        )


def _read(row: Row) -> DecoupledRequest:
    data, state, polled_at, due_at, tries = row
    return replace(
        _request.decode(data),
        state=State(state),
        polled_at=maybe_from_micros(polled_at),
        due_at=maybe_from_micros(due_at),
        tries=tries,
    )


class DecoupledRequests:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_DecoupledRequestsSql)

    def put(self, request: DecoupledRequest) -> bool:
        row = (
            request.key,
            request.user_code,
            request.person,
            request.state.value,
            to_json(request),
            maybe_to_micros(request.polled_at),
            maybe_to_micros(request.due_at),
            request.tries,
            to_micros(request.requested_at),
            to_micros(request.expires_at),
        )
        return self._connection.changed(self._sql.put, row) == 1

    def find(self, key: bytes) -> DecoupledRequest | None:
        return self._one(self._sql.find, key)

    def by_user_code(self, digest: bytes) -> DecoupledRequest | None:
        return self._one(self._sql.by_user_code, digest)

    def _one(self, sql: str, key: bytes) -> DecoupledRequest | None:
        row = self._connection.one(sql, (key,))
        return None if row is None else _read(row)

    def waiting_for(self, person: PersonId) -> Sequence[DecoupledRequest]:
        rows = self._connection.all(self._sql.waiting_for, (person, State.WAITING.value))
        return [_read(row) for row in rows]

    def polled(self, key: bytes, *, now: datetime) -> DecoupledRequest | None:
        before = self._one(self._sql.hold, key)
        if before is not None:
            self._connection.run(self._sql.polled, (to_micros(now), key))
        return before

    def decide(self, key: bytes, state: State, *, at: datetime) -> bool:
        if self._connection.changed(self._sql.decide, (state.value, key, State.WAITING.value)) != 1:
            return False
        self._connection.run(self._sql.bring_forward, (to_micros(at), key))
        return True

    def due(self, *, now: datetime, limit: int, after: DecoupledRequest | None = None) -> Sequence[DecoupledRequest]:
        last = (0, b"") if after is None or after.due_at is None else (to_micros(after.due_at), after.key)
        return [_read(row) for row in self._connection.all(self._sql.due, (to_micros(now), *last, limit))]

    def claim(self, request: DecoupledRequest, *, until: datetime) -> bool:
        if request.due_at is None:
            return False
        values = (to_micros(until), request.key, request.tries, to_micros(request.due_at))
        return self._connection.changed(self._sql.claim, values) == 1

    def settle(self, key: bytes, *, tries: int, again_at: datetime | None) -> bool:
        return self._connection.changed(self._sql.settle, (maybe_to_micros(again_at), key, tries)) == 1
