"""What metadata need of a store."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from carekey.kernel.event import Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBlob:
    """The last good BLOB, as it came, so that what one node fetched the others need not, and a restart does not lose."""

    source: str
    number: int
    blob: bytes
    fetched_at: datetime


class MetadataBlobs(Protocol):
    def newer(self, source: str, *, than: int) -> KeptBlob | None:
        """The one that is kept, if its number is higher."""
        ...

    def keep(self, blob: KeptBlob) -> bool:
        """Unless its number or a higher one is there: of simultaneous callers with one number exactly one gets True."""
        ...

    def claim(self, source: str, *, now: datetime, until: datetime) -> bool:
        """Whether it is time to fetch, and nobody else is at it. Of simultaneous callers exactly one gets True, and then
        nobody before `until`."""
        ...

    def postpone(self, source: str, *, until: datetime) -> None:
        """Nobody shall fetch before then. For a source that was claimed."""
        ...


class MetadataTx(Protocol):
    @property
    def metadata_blobs(self) -> MetadataBlobs: ...
    @property
    def audit(self) -> Recorder: ...
