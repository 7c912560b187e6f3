"""Where phones want to be told that something waits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from carekey.authenticators.phone.push.model import Subscription
from carekey.kernel.ids import CredentialId
from carekey.storage.memory.confirmation import Confirmations
from carekey.storage.memory.table import Journal, Table


class Subscriptions:
    def __init__(self, journal: Journal, confirmations: Confirmations) -> None:
        self._rows: Table[CredentialId, Subscription] = Table(journal)
        self._confirmations = confirmations

    def put(self, subscription: Subscription) -> None:
        self._rows.set(subscription.credential, subscription)

    def find(self, credential: CredentialId) -> Subscription | None:
        return self._rows.get(credential)

    def remove(self, credential: CredentialId, *, endpoint: str) -> bool:
        row = self._rows.get(credential)
        if row is None or row.endpoint != endpoint:
            return False
        self._rows.pop(credential)
        return True

    def due(self, *, now: datetime, limit: int, after: Subscription | None = None) -> Sequence[Subscription]:
        rows = [
            row
            for row in self._rows
            if (after is None or (row.told_at, row.credential) > (after.told_at, after.credential))
            and any(one.asked_at > row.told_at for one in self._confirmations.pending(row.person, now=now))
        ]
        return sorted(rows, key=lambda row: (row.told_at, row.credential))[:limit]

    def tell(self, subscription: Subscription, *, until: datetime) -> bool:
        row = self._rows.get(subscription.credential)
        if row is None or (row.endpoint, row.told_at) != (subscription.endpoint, subscription.told_at):
            return False
        self._rows.set(row.credential, replace(row, told_at=until))
        return True
