"""Credentials, challenges, enrolments and failures."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from carekey.authenticators.base import Challenge, Credential, Enrolment
from carekey.kernel.ids import CredentialId, PersonId
from carekey.storage.memory.table import Journal, Table


class Credentials:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[CredentialId, Credential] = Table(journal)
        self._handles: Table[tuple[str, bytes], CredentialId] = Table(journal)

    def find(self, kind: str, handle: bytes) -> Credential | None:
        id = self._handles.get((kind, handle))
        return None if id is None else self._rows.get(id)

    def held_by(self, person: PersonId) -> Sequence[Credential]:
        held = [row for row in self._rows if row.person == person and row.revoked_at is None]
        return sorted(held, key=lambda row: (row.created_at, row.id))

    def add(self, credential: Credential) -> bool:
        if not self._handles.add((credential.kind, credential.handle), credential.id):
            return False
        self._rows.insert(credential.id, credential)
        return True

    def advance(self, id: CredentialId, *, counter: int, at: datetime) -> bool:
        row = self._rows.get(id)
        if row is None or row.revoked_at or not (row.counter < counter or row.counter == counter == 0):
            return False
        self._rows.set(id, replace(row, counter=counter, last_used_at=at))
        return True

    def replace(self, id: CredentialId, *, data: bytes, was: bytes) -> bool:
        row = self._rows.get(id)
        if row is None or row.data != was:
            return False
        self._rows.set(id, replace(row, data=data))
        return True

    def revoke(self, id: CredentialId, *, at: datetime) -> bool:
        row = self._rows.get(id)
        if row is None or row.revoked_at:
            return False
        self._rows.set(id, replace(row, revoked_at=at))
        return True


class Challenges:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[bytes, Challenge] = Table(journal)

    def put(self, challenge: Challenge) -> None:
        self._rows.insert(challenge.digest, challenge)

    def take(self, digest: bytes, *, now: datetime) -> Challenge | None:
        row = self._rows.get(digest)
        return self._rows.pop(digest) if row and now < row.expires_at else None

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)


class Enrolments:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[bytes, Enrolment] = Table(journal)

    def put(self, enrolment: Enrolment) -> None:
        self._rows.insert(enrolment.digest, enrolment)

    def find(self, digest: bytes) -> Enrolment | None:
        return self._rows.get(digest)

    def use(self, digest: bytes, *, now: datetime) -> bool:
        row = self._rows.get(digest)
        if row is None or row.used_at or now >= row.expires_at:
            return False
        self._rows.set(digest, replace(row, used_at=now))
        return True

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)


class Failures:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[str, tuple[int, datetime]] = Table(journal)

    def add(self, key: str, *, now: datetime, until: datetime) -> int:
        count, ends = self._rows.get(key) or (0, until)
        if ends <= now:
            count, ends = 0, until
        self._rows.set(key, (count + 1, ends))
        return count + 1

    def count(self, key: str, *, now: datetime) -> int:
        count, ends = self._rows.get(key) or (0, now)
        return count if now < ends else 0

    def clear(self, key: str) -> None:
        self._rows.pop(key)

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row[1] <= before, limit)
