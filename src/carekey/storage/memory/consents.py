"""Agreements to let applications see something."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from carekey.kernel.ids import ClientId, IssuerName, PersonId
from carekey.login.model import Consent
from carekey.storage.memory.table import Journal, Table

_Key = tuple[PersonId, IssuerName, ClientId]


def _key(consent: Consent) -> _Key:
    return consent.person, consent.issuer, consent.client


class Consents:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[_Key, Consent] = Table(journal)

    def find(self, person: PersonId, issuer: IssuerName, client: ClientId) -> Consent | None:
        return self._rows.get((person, issuer, client))

    def put(self, consent: Consent) -> None:
        self._rows.set(_key(consent), consent)

    def of_person(self, person: PersonId) -> Sequence[Consent]:
        return sorted((row for row in self._rows if row.person == person), key=_key)

    def withdraw(self, consent: Consent, *, at: datetime, until: datetime) -> bool:
        row = self._rows.get(_key(consent))
        if row is None or row.withdrawn_at is not None:
            return False
        self._rows.set(_key(row), replace(row, expires_at=until, withdrawn_at=at))
        return True

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)
