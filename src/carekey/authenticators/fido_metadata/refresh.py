"""Keeping metadata up to date without a restart (FIDO Metadata Service section 3.2; UAF reference section 19.3).

A BLOB comes from a file that the operator drops, or from an https address that the operator configured. It counts once its
reader has verified it and its number has risen; the last good one is kept in the store, from where every node takes it up.
Nothing that goes wrong here takes away what is in use.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from carekey.authenticators.fetch import NotFetched
from carekey.authenticators.fido_metadata.events import MetadataRefused, MetadataTakenUp
from carekey.authenticators.fido_metadata.ports import KeptBlob, MetadataTx
from carekey.kernel import actor
from carekey.kernel.clock import Clock
from carekey.kernel.unit_of_work import Store

log = structlog.get_logger()

TxT = TypeVar("TxT", bound=MetadataTx)

LARGEST = 64 * 1024 * 1024
"""Bytes. FIDO's own has some ten million, most of them icons."""
TIME_LIMIT = 60.0
"""Seconds. Nobody waits for it."""
RETRY_AFTER = timedelta(minutes=10)
"""After a failure; and how long a node has that fetches, before another tries."""
JOB = actor.system("metadata")


class Unusable(Exception):
    """A BLOB that must not be relied on. The text is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A BLOB that was verified. `use` makes it what models are judged by, in one step."""

    number: int
    next_update: date | None
    models: int
    skipped: int
    use: Callable[[], None]


Read = Callable[[bytes, datetime], Reading]
"""Verifies a BLOB as of that moment. Raises: Unusable."""


@dataclass(kw_only=True)
class Feed:
    """One BLOB for one reader: where it comes from, and what is in use of it."""

    name: str
    """`uaf`, `webauthn`."""
    location: str
    """A file, or an https address."""
    roots: Collection[bytes]
    """DER. Who signs decides which BLOBs follow one another: under another root, numbers begin anew."""
    read: Read
    every: timedelta
    """Between two fetches. A file is looked at each time."""
    reading: Reading | None = None
    seen: object = None
    """By which a file is known to be the one that was read before."""
    warned: date | None = None
    source: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(b"".join(sorted(self.roots))).hexdigest()
        self.source = f"{self.name}:{digest[:16]}"

    @property
    def number(self) -> int:
        return self.reading.number if self.reading else 0

    @property
    def is_remote(self) -> bool:
        return self.location.startswith("https://")


class MetadataRefresh(Generic[TxT]):
    """One for each process."""

    def __init__(
        self, store: Store[TxT], feeds: Sequence[Feed], *, clock: Clock, fetch: Callable[[str], Awaitable[bytes]]
    ) -> None:
        """`fetch` raises NotFetched."""
        self._store = store
        self._clock = clock
        self._get = fetch
        self.feeds = feeds

    async def load(self) -> None:
        """At the start: what is kept, and what lies in files. Nothing is fetched, so that a start waits for nobody.

        Raises: Unusable, for a file that cannot be used while nothing is kept that could.
        """
        for feed in self.feeds:
            await self._take_up_kept(feed)
            if not feed.is_remote:
                try:
                    await self._look_at_file(feed)
                except Unusable:
                    if feed.reading is None:
                        raise

    async def refresh(self, *, now_due: bool = False) -> dict[str, str]:
        """A job: take up what another node has kept, look at files, fetch what is due. `now_due`: fetch all the same.

        What went wrong, by the feed's name.
        """
        failed = {}
        for feed in self.feeds:
            await self._take_up_kept(feed)
            try:
                if not feed.is_remote:
                    await self._look_at_file(feed)
                elif await self._claimed(feed) or now_due:
                    await self._fetch(feed)
            except (Unusable, NotFetched) as error:
                log.warning("metadata:not-refreshed", source=feed.name, why=str(error))
                failed[feed.name] = str(error)
            self._warn(feed)
        return failed

    async def _claimed(self, feed: Feed) -> bool:
        now = self._clock.now()
        return await self._store.write(
            lambda tx: tx.metadata_blobs.claim(feed.source, now=now, until=now + RETRY_AFTER)
        )

    async def _fetch(self, feed: Feed) -> None:
        """Raises: Unusable, NotFetched."""
        blob = await self._get(feed.location)
        await self._consider(feed, blob)
        until = self._clock.now() + feed.every
        await self._store.write(lambda tx: tx.metadata_blobs.postpone(feed.source, until=until))

    async def _look_at_file(self, feed: Feed) -> None:
        """Raises: Unusable."""
        try:
            about = await asyncio.to_thread(Path(feed.location).stat)
            looks = (about.st_ino, about.st_mtime_ns, about.st_size)
            if looks == feed.seen:
                return
            if about.st_size > LARGEST:
                raise Unusable("it is too large")
            blob = await asyncio.to_thread(Path(feed.location).read_bytes)
        except OSError as error:
            if feed.seen == error.strerror:
                return  # said once
            feed.seen = error.strerror
            raise Unusable(f"{feed.location} cannot be read: {error.strerror}") from None
        feed.seen = looks
        await self._consider(feed, blob)

    async def _consider(self, feed: Feed, blob: bytes) -> None:
        """Take up what came from outside. Raises: Unusable."""
        now = self._clock.now()
        try:
            reading = await asyncio.to_thread(feed.read, blob, now)
            if reading.number < feed.number:
                raise Unusable(f"its number {reading.number} is lower than {feed.number}, which is in use")
        except Unusable as error:
            refused = MetadataRefused(at=now, actor=JOB, source=feed.name, reason=str(error))
            await self._store.write(lambda tx: tx.audit.record(refused))
            raise
        if reading.number == feed.number and feed.reading is not None:
            return
        await self._store.write(partial(_keep, feed=feed, reading=reading, blob=blob, now=now))
        _use(feed, reading)

    async def _take_up_kept(self, feed: Feed) -> None:
        """Judge what is kept as the node did that kept it: by its signature, and at the moment it came."""
        number = feed.number
        kept = await self._store.read(lambda tx: tx.metadata_blobs.newer(feed.source, than=number))
        if kept is None:
            return
        try:
            _use(feed, await asyncio.to_thread(feed.read, kept.blob, kept.fetched_at))
        except Unusable as error:
            log.warning("metadata:kept-unusable", source=feed.name, why=str(error))

    def _warn(self, feed: Feed) -> None:
        """Once a day, that a newer one has been due."""
        today = self._clock.now().date()
        due = feed.reading.next_update if feed.reading else None
        if due is not None and due < today and feed.warned != today:
            feed.warned = today
            log.warning("metadata:out-of-date", source=feed.name, number=feed.number, next_update=due.isoformat())


def _keep(tx: MetadataTx, *, feed: Feed, reading: Reading, blob: bytes, now: datetime) -> None:
    if tx.metadata_blobs.keep(KeptBlob(source=feed.source, number=reading.number, blob=blob, fetched_at=now)):
        tx.audit.record(
            MetadataTakenUp(
                at=now,
                actor=JOB,
                source=feed.name,
                number=reading.number,
                next_update=reading.next_update.isoformat() if reading.next_update else "",
                models=reading.models,
                skipped=reading.skipped,
            )
        )


def _use(feed: Feed, reading: Reading) -> None:
    reading.use()
    feed.reading = reading
