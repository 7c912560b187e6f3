"""The last good BLOBs of metadata services, and when to fetch the next."""

from datetime import datetime

from carekey.authenticators.fido_metadata.ports import KeptBlob
from carekey.storage.memory.table import Journal, Table


class MetadataBlobs:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[str, KeptBlob] = Table(journal)
        self._due: Table[str, datetime] = Table(journal)

    def newer(self, source: str, *, than: int) -> KeptBlob | None:
        row = self._rows.get(source)
        return row if row is not None and row.number > than else None

    def keep(self, blob: KeptBlob) -> bool:
        row = self._rows.get(blob.source)
        if row is not None and row.number >= blob.number:
            return False
        self._rows.set(blob.source, blob)
        return True

    def claim(self, source: str, *, now: datetime, until: datetime) -> bool:
        due = self._due.get(source)
        if due is not None and now < due:
            return False
        self._due.set(source, until)
        return True

    def postpone(self, source: str, *, until: datetime) -> None:
        if self._due.get(source) is not None:
            self._due.set(source, until)
