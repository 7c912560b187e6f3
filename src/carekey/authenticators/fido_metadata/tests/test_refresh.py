"""Metadata taken up while CareKey runs: two nodes over one store, a file or an address, and BLOBs that are signed or not."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from carekey.authenticators.fetch import NotFetched
from carekey.authenticators.fido_metadata.events import MetadataRefused, MetadataTakenUp
from carekey.authenticators.fido_metadata.refresh import RETRY_AFTER, Feed, MetadataRefresh, Reading, Unusable
from carekey.storage.memory.store import MemoryStore

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ADDRESS = "https://metadata.example/blob"
HOURS = timedelta(hours=6)


class Clock:
    moment = NOW

    def now(self) -> datetime:
        return self.moment


class Node:
    """A process with one feed. `used` are the numbers that it took up, in their order."""

    def __init__(self, store: Any, clock: Clock, location: Path | str, *, root: bytes = b"root") -> None:
        self.used: list[int] = []
        self.verified_as_of: list[datetime] = []
        self.served: bytes | Exception = NotFetched("no answer")
        self.fetches = 0
        self.feed = Feed(name="uaf", location=str(location), roots=[root], read=self._read, every=HOURS)
        self.refresh = MetadataRefresh(store, [self.feed], clock=clock, fetch=self._fetch)

    def _read(self, blob: bytes, now: datetime) -> Reading:
        self.verified_as_of.append(now)
        try:
            said = json.loads(blob)
        except ValueError:
            raise Unusable("not a signed blob") from None
        number = said["no"]
        return Reading(
            number=number,
            next_update=date.fromisoformat(said.get("next", "2026-12-31")),
            models=1,
            skipped=0,
            use=lambda: self.used.append(number),
        )

    async def _fetch(self, url: str) -> bytes:
        assert url == ADDRESS
        self.fetches += 1
        await asyncio.sleep(0)
        if isinstance(self.served, Exception):
            raise self.served
        return self.served


def blob(number: int, **more: Any) -> bytes:
    return json.dumps({"no": number, **more}).encode()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def events(store: MemoryStore) -> list[Any]:
    """Oldest first."""
    return sorted(await store.read(lambda tx: tx.audit.search()), key=lambda row: row.id)


def write(file: Path, data: bytes) -> None:
    """As an operator's script does: beside it, then in its place."""
    draft = file.with_suffix(".new")
    draft.write_bytes(data)
    draft.replace(file)


async def test_a_file_counts_from_the_next_refresh_on(store: MemoryStore, clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "blob"
    write(file, blob(7))
    node = Node(store, clock, file)
    await node.refresh.load()
    assert node.used == [7]
    write(file, blob(8))
    assert await node.refresh.refresh() == {}
    assert node.used == [7, 8]
    await node.refresh.refresh()
    assert node.used == [7, 8]
    assert len(node.verified_as_of) == 2, "a file that is as it was is not read again"


async def test_the_number_never_goes_back(store: MemoryStore, clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "blob"
    write(file, blob(8))
    node = Node(store, clock, file)
    await node.refresh.load()
    write(file, blob(7))
    assert list(await node.refresh.refresh()) == ["uaf"]
    restarted = Node(store, clock, file)
    await restarted.refresh.load()
    assert (node.used, restarted.used) == ([8], [8])
    assert [one.tag for one in await events(store)] == [MetadataTakenUp.tag, MetadataRefused.tag, MetadataRefused.tag]


async def test_what_cannot_be_relied_on_leaves_the_last_good_one_in_use(
    store: MemoryStore, clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "blob"
    write(file, blob(7))
    node = Node(store, clock, file)
    await node.refresh.load()
    write(file, b"forged")
    assert await node.refresh.refresh() == {"uaf": "not a signed blob"}
    file.unlink()
    await node.refresh.refresh()
    restarted = Node(store, clock, file)
    await restarted.refresh.load()
    assert (node.used, restarted.used) == ([7], [7])


async def test_a_file_that_cannot_be_used_stops_the_start_if_nothing_is_kept(
    store: MemoryStore, clock: Clock, tmp_path: Path
) -> None:
    with pytest.raises(Unusable, match="cannot be read"):
        await Node(store, clock, tmp_path / "missing").refresh.load()
    write(tmp_path / "blob", b"forged")
    with pytest.raises(Unusable, match="not a signed blob"):
        await Node(store, clock, tmp_path / "blob").refresh.load()


async def test_an_address_is_not_asked_at_the_start_and_then_by_one_node(store: MemoryStore, clock: Clock) -> None:
    nodes = [Node(store, clock, ADDRESS) for _ in range(4)]
    for node in nodes:
        node.served = blob(7)
        await node.refresh.load()
    assert sum(node.fetches for node in nodes) == 0
    await asyncio.gather(*(node.refresh.refresh() for node in nodes))
    for node in nodes:
        await node.refresh.refresh()
    assert sum(node.fetches for node in nodes) == 1
    assert [node.used for node in nodes] == [[7]] * 4
    assert [one.tag for one in await events(store)] == [MetadataTakenUp.tag]


async def test_the_next_fetch_is_at_its_time_and_sooner_after_a_failure(store: MemoryStore, clock: Clock) -> None:
    node = Node(store, clock, ADDRESS)
    assert await node.refresh.refresh() == {"uaf": "no answer"}
    node.served = blob(7)
    clock.moment += RETRY_AFTER - timedelta(seconds=1)
    await node.refresh.refresh()
    assert node.fetches == 1
    clock.moment += timedelta(seconds=1)
    await node.refresh.refresh()
    assert (node.fetches, node.used) == (2, [7])
    clock.moment += HOURS - timedelta(seconds=1)
    await node.refresh.refresh()
    assert node.fetches == 2
    clock.moment += timedelta(seconds=1)
    await node.refresh.refresh()
    assert node.fetches == 3


async def test_an_operator_need_not_wait(store: MemoryStore, clock: Clock) -> None:
    node = Node(store, clock, ADDRESS)
    node.served = blob(7)
    await node.refresh.refresh()
    node.served = blob(8)
    await node.refresh.refresh(now_due=True)
    assert node.used == [7, 8]


async def test_what_is_kept_is_verified_as_of_when_it_came(store: MemoryStore, clock: Clock) -> None:
    first, second = Node(store, clock, ADDRESS), Node(store, clock, ADDRESS)
    first.served = blob(7)
    await first.refresh.refresh()
    clock.moment += timedelta(days=400)
    await second.refresh.load()
    assert second.verified_as_of == [NOW]


async def test_under_another_root_numbers_begin_anew(store: MemoryStore, clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "blob"
    write(file, blob(700))
    await Node(store, clock, file).refresh.load()
    write(file, blob(1))
    other = Node(store, clock, file, root=b"another")
    await other.refresh.load()
    assert other.used == [1]


async def test_the_operator_is_warned_once_a_day_that_a_newer_one_was_due(store: MemoryStore, clock: Clock) -> None:
    node = Node(store, clock, ADDRESS)
    node.served = blob(7, next="2026-11-23")
    warnings = []
    for hours in (0, 15, 1, 1, 24):
        clock.moment += timedelta(hours=hours)
        with capture_logs() as logs:
            await node.refresh.refresh()
        warnings.append([one["event"] for one in logs if one["log_level"] == "warning"])
    assert warnings == [[], ["metadata:out-of-date"], [], [], ["metadata:out-of-date"]]


async def test_it_is_on_the_audit_record(store: MemoryStore, clock: Clock) -> None:
    node = Node(store, clock, ADDRESS)
    node.served = blob(7)
    await node.refresh.refresh()
    node.served = b"forged"
    await node.refresh.refresh(now_due=True)
    taken, refused = await events(store)
    assert (taken.tag, taken.refusal) == (MetadataTakenUp.tag, False)
    assert (taken.data["source"], taken.data["number"], taken.data["next_update"]) == ("uaf", 7, "2026-12-31")
    assert (refused.tag, refused.refusal) == (MetadataRefused.tag, True)
    assert refused.data == {"source": "uaf", "reason": "not a signed blob"}
