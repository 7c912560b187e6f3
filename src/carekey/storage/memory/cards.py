"""Smartcards, their certificates, and what was fetched about revocation."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from carekey.authenticators.smartcard.model import Card, CardCertificate, CardId, CardState, WhyCancelled
from carekey.authenticators.smartcard.ports import StoredEvidence
from carekey.kernel.ids import PersonId
from carekey.storage.memory.table import Journal, Table


class Cards:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[CardId, Card] = Table(journal)
        self._serials: Table[str, CardId] = Table(journal)
        self._certificates: Table[tuple[bytes, int], CardCertificate] = Table(journal)

    def find(self, id: CardId) -> Card | None:
        return self._rows.get(id)

    def find_serial(self, serial: str) -> Card | None:
        id = self._serials.get(serial)
        return None if id is None else self._rows.get(id)

    def find_certificate(self, issuer: bytes, serial: int) -> Card | None:
        found = self._certificates.get((issuer, serial))
        return None if found is None else self._rows.get(found.card)

    def held_by(self, person: PersonId) -> Sequence[Card]:
        return sorted((row for row in self._rows if row.person == person), key=lambda row: (row.created_at, row.id))

    def add(self, card: Card) -> bool:
        if self._rows.get(card.id) or not self._serials.add(card.serial, card.id):
            return False
        return self._rows.add(card.id, card)

    def move(self, id: CardId, *, was: CardState, to: CardState, at: datetime, why: WhyCancelled | None = None) -> bool:
        row = self._rows.get(id)
        if row is None or row.state is not was:
            return False
        self._rows.set(id, replace(row, state=to, changed_at=at, why_cancelled=why))
        return True

    def certificates(self, id: CardId) -> Sequence[CardCertificate]:
        found = [row for row in self._certificates if row.card == id]
        return sorted(found, key=lambda row: (row.starts_at, f"{row.serial:x}"))

    def add_certificate(self, certificate: CardCertificate) -> bool:
        return self._certificates.add((certificate.issuer, certificate.serial), certificate)

    def supersede(self, issuer: bytes, serial: int, *, at: datetime) -> bool:
        row = self._certificates.get((issuer, serial))
        if row is None or row.superseded_at:
            return False
        self._certificates.set((issuer, serial), replace(row, superseded_at=at))
        return True

    def revoke_certificates(self, id: CardId, *, at: datetime) -> int:
        found = [row for row in self._certificates if row.card == id and not row.revoked_at]
        for row in found:
            self._certificates.set((row.issuer, row.serial), replace(row, revoked_at=at))
        return len(found)

    def revoked(self, issuer: bytes, *, after: datetime) -> Sequence[CardCertificate]:
        found = [row for row in self._certificates if row.issuer == issuer and row.revoked_at and row.ends_at > after]
        return sorted(found, key=lambda row: (row.revoked_at, f"{row.serial:x}"))


class RevocationEvidence:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[str, StoredEvidence] = Table(journal)

    def find(self, key: str, *, newer_than: datetime | None = None) -> StoredEvidence | None:
        found = self._rows.get(key)
        return found if found and (newer_than is None or found.fetched_at > newer_than) else None

    def since(self, moment: datetime) -> Sequence[StoredEvidence]:
        found = [row for row in self._rows if row.fetched_at >= moment]
        return sorted(found, key=lambda row: (row.fetched_at, row.key))

    def put(self, evidence: StoredEvidence) -> bool:
        known = self._rows.get(evidence.key)
        if known is not None and known.fetched_at >= evidence.fetched_at:
            return False
        self._rows.set(evidence.key, evidence)
        return True

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)
