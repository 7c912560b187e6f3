"""Signing keys and the audit record."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, delete, exists, insert, select, update

from carekey.audit.ports import Recorded
from carekey.jose.model import KeyState, StoredKey
from carekey.kernel.actor import Actor
from carekey.kernel.event import AuditEvent
from carekey.kernel.ids import IssuerName, KeyId
from carekey.storage.encoding import from_micros, own_fields, to_json, to_micros
from carekey.storage.sql.connection import Connection, Value
from carekey.storage.sql.dialect import ONE, TEXT, Dialect, at_most, given
from carekey.storage.sql.schema import audit, keys

_LAST = 2**63 - 1
"""The highest number that either database has."""

_data = msgspec.json.Decoder(dict[str, Any])


class _KeysSql:
    def __init__(self, dialect: Dialect) -> None:
        c, this, to = keys.c, keys.c.id == bindparam("this"), given("new_state", TEXT)
        other = keys.alias("other")
        taken = exists(ONE).where(
            and_(
                other.c.issuer == c.issuer,
                other.c.alg == c.alg,
                other.c.state == to,
                other.c.state != bindparam("many"),
            )
        )
        self.add = dialect.add_new(keys)
        self.list = dialect.text(
            select(*c).where(c.issuer == bindparam("issuer")).order_by(c.created_at, c.id), "issuer"
        )
        self.move = dialect.text(
            update(keys).values(state=to, changed_at=bindparam("at")).where(this, c.state == bindparam("was"), ~taken),
            *("new_state", "at", "this", "was", "new_state", "many"),
        )
        self.remove = dialect.text(delete(keys).where(this), "this")


class Keys:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_KeysSql)

    def list(self, issuer: IssuerName) -> Sequence[StoredKey]:
        return [
            StoredKey(
                id=id,
                issuer=issuer,
                alg=alg,
                state=KeyState(state),
                sealed=sealed,
                created_at=from_micros(created_at),
                changed_at=from_micros(changed_at),
            )
            for id, issuer, alg, state, sealed, created_at, changed_at in self._connection.all(
                self._sql.list, (issuer,)
            )
        ]

    def add(self, key: StoredKey) -> bool:
        row = (
            key.id,
            key.issuer,
            key.alg,
            key.state.value,
            key.sealed,
            to_micros(key.created_at),
            to_micros(key.changed_at),
        )
        return self._connection.changed(self._sql.add, row) == 1

    def move(self, id: KeyId, *, was: KeyState, to: KeyState, at: datetime) -> bool:
        values = (to.value, to_micros(at), id, was.value, to.value, KeyState.RETIRING.value)
        return self._connection.changed(self._sql.move, values) == 1

    def remove(self, id: KeyId) -> bool:
        return self._connection.changed(self._sql.remove, (id,)) == 1


class _AuditSql:
    def __init__(self, dialect: Dialect) -> None:
        new = [column.name for column in audit.c if column.name != "id"]
        self.record = dialect.text(insert(audit).inline().values({name: bindparam(name) for name in new}), *new)
        self.search = cache(self._search)
        self._dialect = dialect

    def _search(self, by: frozenset[str]) -> str:
        """Compiled for each combination of filters, so that the right index serves each."""
        filters = [name for name in ("tag", "actor_id", "reference") if name in by]
        found = select(*audit.c).where(
            audit.c.id > bindparam("after"), *(audit.c[name] == bindparam(name) for name in filters)
        )
        return self._dialect.text(at_most(found.order_by(audit.c.id)), "after", *filters, "limit")


class Audit:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_AuditSql)

    def record(self, event: AuditEvent) -> None:
        actor = event.actor
        data = to_json(own_fields(event))
        row = (event.tag, int(event.refusal), to_micros(event.at), actor.kind, actor.id, event.reference, data)
        self._connection.run(self._sql.record, row)

    def search(
        self,
        *,
        tag: str | None = None,
        actor: str | None = None,
        reference: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Recorded]:
        asked: dict[str, Value] = {"tag": tag, "actor_id": actor, "reference": reference}
        given = {name: value for name, value in asked.items() if value is not None}
        rows = self._connection.all(self._sql.search(frozenset(given)), (min(after, _LAST), *given.values(), limit))
        return [
            Recorded(
                id=id,
                tag=tag,
                refusal=bool(refusal),
                at=from_micros(at),
                actor=Actor(actor_kind, actor_id),
                reference=reference,
                data=_data.decode(data),
            )
            for id, tag, refusal, at, actor_kind, actor_id, reference, data in rows
        ]
