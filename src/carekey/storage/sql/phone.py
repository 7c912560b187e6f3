"""Approvals and registered UAF keys."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, select, update

from carekey.authenticators.phone.approval import Approval, State
from carekey.kernel.ids import LoginId
from carekey.storage.encoding import to_json, to_micros
from carekey.storage.sql.connection import Connection
from carekey.storage.sql.dialect import Dialect
from carekey.storage.sql.schema import approvals, uaf_keys

_approval = msgspec.json.Decoder(Approval)


class _ApprovalsSql:
    def __init__(self, dialect: Dialect) -> None:
        c = approvals.c
        self.add = dialect.add(approvals)
        self.forget = dialect.text(delete(approvals).where(c.login == bindparam("this")), "this")
        self.find = dialect.text(select(c.data).where(c.code == bindparam("this")), "this")
        self.of = dialect.text(select(c.data).where(c.login == bindparam("this")), "this")
        self.change = dialect.text(
            update(approvals)
            .values(state=bindparam("new"), data=bindparam("text"))
            .where(c.code == bindparam("this"), c.state == bindparam("was")),
            *("new", "text", "this", "was"),
        )
        self.moved = dialect.text(
            select(c.login, c.state).where(c.expires_at > bindparam("now"), c.state != bindparam("waiting")),
            *("now", "waiting"),
        )


class Approvals:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_ApprovalsSql)

    def ask(self, approval: Approval) -> None:
        self._connection.run(self._sql.forget, (approval.login,))
        row = (
            approval.code,
            approval.login,
            approval.state.value,
            to_json(approval),
            to_micros(approval.expires_at),
        )
        self._connection.run(self._sql.add, row)

    def find(self, code: bytes) -> Approval | None:
        row = self._connection.one(self._sql.find, (code,))
        return None if row is None else _approval.decode(row[0])

    def of(self, login: LoginId) -> Approval | None:
        row = self._connection.one(self._sql.of, (login,))
        return None if row is None else _approval.decode(row[0])

    def change(self, approval: Approval, *, was: State) -> bool:
        row = (approval.state.value, to_json(approval), approval.code, was.value)
        return self._connection.changed(self._sql.change, row) == 1

    def moved(self, *, now: datetime) -> Mapping[LoginId, State]:
        rows = self._connection.all(self._sql.moved, (to_micros(now), State.WAITING.value))
        return {login: State(state) for login, state in rows}


class _UafKeysSql:
    def __init__(self, dialect: Dialect) -> None:
        self.claim = dialect.add_new(uaf_keys, "digest")


class UafKeys:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_UafKeysSql)

    def claim(self, key: bytes) -> bool:
        return self._connection.changed(self._sql.claim, (key,)) == 1
