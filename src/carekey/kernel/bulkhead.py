"""A bulkhead: work for many parties side by side, so much for each and so much altogether.

A party that hangs keeps its own waiting, and nobody else's.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)


class Bulkhead(Generic[KeyT]):
    """Of one event loop."""

    def __init__(self, *, for_one: int, altogether: int, failed: Callable[[KeyT, BaseException], object]) -> None:
        """`failed` hears of work that raised; one that was stopped is no failure."""
        self._for_one = for_one
        self._altogether = altogether
        self._failed = failed
        self._under_way: dict[KeyT, tuple[Hashable, asyncio.Task[None]]] = {}
        self._busy: Counter[Hashable] = Counter()

    @property
    def full(self) -> bool:
        return len(self._under_way) >= self._altogether

    def begin(self, key: KeyT, party: Hashable, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """False, and nothing begun, if this is under way already or there is no room for more."""
        if key in self._under_way or self.full or self._busy[party] >= self._for_one:
            return False
        task = asyncio.create_task(work())
        self._under_way[key] = (party, task)
        self._busy[party] += 1
        task.add_done_callback(lambda done: self._ended(key, done))
        return True

    async def finish(self) -> None:
        """Wait for everything that is under way now."""
        await asyncio.gather(*(task for _, task in self._under_way.values()), return_exceptions=True)

    async def stop(self) -> None:
        for _, task in self._under_way.values():
            task.cancel()
        await self.finish()

    def _ended(self, key: KeyT, task: asyncio.Task[None]) -> None:
        party, _ = self._under_way.pop(key)
        self._busy[party] -= 1
        if not self._busy[party]:
            del self._busy[party]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(key, error)
