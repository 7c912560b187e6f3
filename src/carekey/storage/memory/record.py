"""Signing keys and the audit record."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from carekey.audit.ports import Recorded
from carekey.jose.model import KeyState, StoredKey
from carekey.kernel.event import AuditEvent
from carekey.kernel.ids import IssuerName, KeyId
from carekey.storage.encoding import own_fields, to_json
from carekey.storage.memory.table import Journal, Table


class Keys:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[KeyId, StoredKey] = Table(journal)

    def list(self, issuer: IssuerName) -> Sequence[StoredKey]:
        return sorted(
            (row for row in self._rows if row.issuer == issuer),
            key=lambda row: (row.created_at, row.id),
        )

    def add(self, key: StoredKey) -> bool:
        return not self._taken(key.issuer, key.alg, key.state) and self._rows.add(key.id, key)

    def move(self, id: KeyId, *, was: KeyState, to: KeyState, at: datetime) -> bool:
        row = self._rows.get(id)
        if row is None or row.state != was or self._taken(row.issuer, row.alg, to):
            return False
        self._rows.set(id, replace(row, state=to, changed_at=at))
        return True

    def remove(self, id: KeyId) -> bool:
        return self._rows.pop(id) is not None

    def _taken(self, issuer: IssuerName, alg: str, state: KeyState) -> bool:
        return state is not KeyState.RETIRING and any(
            (row.issuer, row.alg, row.state) == (issuer, alg, state) for row in self._rows
        )


class Audit:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[int, Recorded] = Table(journal)
        self._last = 0

    def record(self, event: AuditEvent) -> None:
        self._last += 1
        row = Recorded(
            id=self._last,
            tag=event.tag,
            refusal=event.refusal,
            at=event.at,
            actor=event.actor,
            reference=event.reference,
            data=json.loads(to_json(own_fields(event))),
        )
        self._rows.insert(row.id, row)

    def search(
        self,
        *,
        tag: str | None = None,
        actor: str | None = None,
        reference: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Recorded]:
        found = (
            row
            for row in sorted(self._rows, key=lambda row: row.id)
            if row.id > after
            and (tag is None or row.tag == tag)
            and (actor is None or row.actor.id == actor)
            and (reference is None or row.reference == reference)
        )
        return [row for row, _ in zip(found, range(limit), strict=False)]
