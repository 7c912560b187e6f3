"""Workstations, and the cards in their readers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from carekey.kernel.ids import CredentialId
from carekey.sessions.model import CardPlace
from carekey.storage.memory.table import Journal, Table
from carekey.storage.store import PLACES_KEPT
from carekey.workstations.model import Workstation, WorkstationId


class Workstations:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[WorkstationId, Workstation] = Table(journal)

    def add(self, workstation: Workstation) -> bool:
        return self._rows.add(workstation.id, workstation)

    def find(self, id: WorkstationId) -> Workstation | None:
        return self._rows.get(id)

    def list(self) -> Sequence[Workstation]:
        return sorted(self._rows, key=lambda row: (row.name, row.id))

    def revoke(self, id: WorkstationId, *, at: datetime) -> bool:
        row = self._rows.get(id)
        if row is None or row.revoked_at:
            return False
        self._rows.set(id, replace(row, revoked_at=at))
        return True

    def heard(self, id: WorkstationId, *, at: datetime) -> bool:
        row = self._rows.get(id)
        if row is None or row.revoked_at or row.heard_at >= at:
            return False
        self._rows.set(id, replace(row, heard_at=at))
        return True


class CardPlaces:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[CredentialId, CardPlace] = Table(journal)

    def find(self, card: CredentialId) -> CardPlace | None:
        return self._rows.get(card)

    hold = find

    def at(self, workstation: str) -> Sequence[CardPlace]:
        found = [row for row in self._rows if row.workstation == workstation and row.left_at is None]
        return sorted(found, key=lambda row: row.card)

    def put_in(self, card: CredentialId, workstation: str, *, at: datetime) -> None:
        self._rows.set(card, CardPlace(card=card, workstation=workstation, since=at))

    def take_out(self, card: CredentialId, workstation: str, *, at: datetime) -> bool:
        row = self._rows.get(card)
        if row is None or row.workstation != workstation or row.left_at:
            return False
        self._rows.set(card, replace(row, left_at=at))
        return True

    def forget(self, card: CredentialId, workstation: str) -> bool:
        row = self._rows.get(card)
        if row is None or row.workstation != workstation or row.left_at:
            return False
        self._rows.pop(card)
        return True

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.left_at is not None and row.left_at + PLACES_KEPT <= before, limit)
