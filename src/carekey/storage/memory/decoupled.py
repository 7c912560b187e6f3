"""Requests that a person decides elsewhere."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from carekey.kernel.ids import PersonId
from carekey.oidc.decoupled.model import DecoupledRequest, State
from carekey.storage.memory.table import Journal, Table


class DecoupledRequests:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[bytes, DecoupledRequest] = Table(journal)

    def put(self, request: DecoupledRequest) -> bool:
        if request.user_code is not None and self.by_user_code(request.user_code) is not None:
            return False
        self._rows.insert(request.key, request)
        return True

    def find(self, key: bytes) -> DecoupledRequest | None:
        return self._rows.get(key)

    def by_user_code(self, digest: bytes) -> DecoupledRequest | None:
        return next((row for row in self._rows if row.user_code == digest), None)

    def waiting_for(self, person: PersonId) -> Sequence[DecoupledRequest]:
        own = [row for row in self._rows if row.person == person and row.state is State.WAITING]
        return sorted(own, key=lambda row: (row.requested_at, row.key))

    def polled(self, key: bytes, *, now: datetime) -> DecoupledRequest | None:
        row = self._rows.get(key)
        if row is not None:
            self._rows.set(key, replace(row, polled_at=now))
        return row

    def decide(self, key: bytes, state: State, *, at: datetime) -> bool:
        row = self._rows.get(key)
        if row is None or row.state is not State.WAITING:
            return False
        self._rows.set(key, replace(row, state=state, due_at=None if row.due_at is None else at))
        return True

    def due(self, *, now: datetime, limit: int, after: DecoupledRequest | None = None) -> Sequence[DecoupledRequest]:
        due = [(row.due_at, row.key, row) for row in self._rows if row.due_at is not None and row.due_at <= now]
        if after is not None and after.due_at is not None:
            last = (after.due_at, after.key)
            due = [each for each in due if each[:2] > last]
        return [row for *_, row in sorted(due, key=lambda each: each[:2])[:limit]]

    def claim(self, request: DecoupledRequest, *, until: datetime) -> bool:
        row = self._rows.get(request.key)
        if row is None or row.due_at != request.due_at or row.tries != request.tries:
            return False
        self._rows.set(row.key, replace(row, due_at=until, tries=row.tries + 1))
        return True

    def settle(self, key: bytes, *, tries: int, again_at: datetime | None) -> bool:
        row = self._rows.get(key)
        if row is None or row.due_at is None or row.tries != tries:
            return False
        self._rows.set(key, replace(row, due_at=again_at))
        return True

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before and row.due_at is None, limit)
