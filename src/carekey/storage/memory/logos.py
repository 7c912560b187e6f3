"""Pictures of applications."""

from carekey.kernel.ids import ClientId, IssuerName
from carekey.storage.memory.table import Journal, Table


class Logos:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[tuple[IssuerName, ClientId], bytes] = Table(journal)

    def put(self, issuer: IssuerName, client: ClientId, picture: bytes) -> None:
        self._rows.set((issuer, client), picture)

    def find(self, issuer: IssuerName, client: ClientId) -> bytes | None:
        return self._rows.get((issuer, client))

    def remove(self, issuer: IssuerName, client: ClientId) -> None:
        self._rows.pop((issuer, client))
