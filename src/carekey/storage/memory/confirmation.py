"""Texts to confirm, evidence, and the phones that show them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from carekey.authenticators.phone.confirmation.model import Confirmation, Device, Evidence, State
from carekey.kernel.ids import ConfirmationId, CredentialId, PersonId
from carekey.storage.memory.table import Journal, Table


class Confirmations:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[ConfirmationId, Confirmation] = Table(journal)

    def ask(self, confirmation: Confirmation) -> None:
        self._rows.insert(confirmation.id, confirmation)

    def find(self, id: ConfirmationId) -> Confirmation | None:
        return self._rows.get(id)

    def pending(self, person: PersonId, *, now: datetime) -> Sequence[Confirmation]:
        rows = [row for row in self._rows if row.person == person and row.waits(now)]
        return sorted(rows, key=lambda row: (row.asked_at, row.id))

    def change(self, confirmation: Confirmation, *, was: State) -> bool:
        row = self._rows.get(confirmation.id)
        if row is None or row.state is not was:
            return False
        self._rows.set(row.id, confirmation)
        return True

    def moved(self, *, now: datetime) -> Mapping[ConfirmationId, State]:
        return {row.id: row.state for row in self._rows if row.state is not State.PENDING and now < row.expires_at}

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)


class Evidences:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[ConfirmationId, Evidence] = Table(journal)

    def keep(self, evidence: Evidence) -> None:
        self._rows.insert(evidence.id, evidence)

    def find(self, id: ConfirmationId) -> Evidence | None:
        return self._rows.get(id)

    def of_person(self, person: PersonId, *, limit: int) -> Sequence[Evidence]:
        rows = [row for row in self._rows if row.person == person]
        return sorted(rows, key=lambda row: (row.confirmed_at, row.id), reverse=True)[:limit]


class Devices:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[CredentialId, Device] = Table(journal)
        self._digests: Table[bytes, CredentialId] = Table(journal)

    def know(self, device: Device) -> bool:
        if not self._digests.add(device.digest, device.credential):
            return self._digests.get(device.digest) == device.credential
        old = self._rows.get(device.credential)
        if old is not None:
            self._digests.pop(old.digest)
        self._rows.set(device.credential, device)
        return True

    def find(self, digest: bytes) -> Device | None:
        credential = self._digests.get(digest)
        return None if credential is None else self._rows.get(credential)
