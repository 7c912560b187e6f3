"""The last good BLOBs of metadata services, and when to fetch the next.

One row for each source. A source that was claimed and has no BLOB yet has the number 0.
"""

from datetime import datetime

from sqlalchemy import bindparam, select, update

from carekey.authenticators.fido_metadata.ports import KeptBlob
from carekey.storage.encoding import from_micros, to_micros
from carekey.storage.sql.connection import Connection
from carekey.storage.sql.dialect import Dialect
from carekey.storage.sql.schema import metadata_blobs


class _MetadataBlobsSql:
    def __init__(self, dialect: Dialect) -> None:
        c = metadata_blobs.c
        new = dialect.insert(metadata_blobs)
        self.newer = dialect.text(
            select(c.source, c.number, c.blob, c.fetched_at).where(
                c.source == bindparam("this"), c.number > bindparam("than")
            ),
            *("this", "than"),
        )
        self.keep = dialect.text(
            new.on_conflict_do_update(
                index_elements=["source"],
                set_={name: new.excluded[name] for name in ("number", "blob", "fetched_at")},
                where=c.number < new.excluded.number,
            ),
            *c.keys(),
        )
        self.claim = dialect.text(
            new.on_conflict_do_update(
                index_elements=["source"],
                set_={"due_at": new.excluded.due_at},
                where=c.due_at <= bindparam("now"),
            ),
            *c.keys(),
            "now",
        )
        self.postpone = dialect.text(
            update(metadata_blobs).values(due_at=bindparam("until")).where(c.source == bindparam("this")),
            *("until", "this"),
        )


class MetadataBlobs:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_MetadataBlobsSql)

    def newer(self, source: str, *, than: int) -> KeptBlob | None:
        row = self._connection.one(self._sql.newer, (source, than))
        if row is None:
            return None
        name, number, blob, fetched_at = row
        return KeptBlob(source=name, number=number, blob=blob, fetched_at=from_micros(fetched_at))

    def keep(self, blob: KeptBlob) -> bool:
        row = (blob.source, blob.number, blob.blob, to_micros(blob.fetched_at), 0)
        return self._connection.changed(self._sql.keep, row) == 1

    def claim(self, source: str, *, now: datetime, until: datetime) -> bool:
        row = (source, 0, b"", 0, to_micros(until), to_micros(now))
        return self._connection.changed(self._sql.claim, row) == 1

    def postpone(self, source: str, *, until: datetime) -> None:
        self._connection.run(self._sql.postpone, (to_micros(until), source))
