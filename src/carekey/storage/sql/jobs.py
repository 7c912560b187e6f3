"""Handing a unit of work to a thread, and its answer back to the event loop that waits for it."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any, TypeVar

from carekey.storage.errors import StorageError
from carekey.storage.store import Tx

T = TypeVar("T")


class Job:
    __slots__ = ("answer", "error", "future", "loop", "work", "writes")

    def __init__(self, work: Callable[[Tx], Any], loop: asyncio.AbstractEventLoop, *, writes: bool) -> None:
        self.work = work
        self.writes = writes
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.answer: Any = None
        self.error: BaseException | None = None

    def attempt(self, tx: Tx) -> bool:
        """Run the work; whether it came to an answer."""
        try:
            self.answer = self.work(tx)
        except BaseException as error:  # noqa: BLE001 (whatever it is, it belongs to the caller)
            self.error = error
            return False
        self.error = None
        return True

    def settle(self) -> None:
        """On the caller's own thread. A caller that was cancelled has gone."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.answer)
        elif isinstance(self.error, StopIteration):  # which a future refuses to carry
            self.future.set_exception(RuntimeError("A unit of work raised StopIteration."))
        else:
            self.future.set_exception(self.error)


class Jobs:
    """A queue of work for one or more threads."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._gathered: list[Job] = []
        self._lock = threading.Lock()
        self.closed = False

    async def do(self, work: Callable[[Tx], T], *, writes: bool = True) -> T:
        job = Job(work, asyncio.get_running_loop(), writes=writes)
        with self._lock:  # or it could be queued behind the end, and wait for ever
            if self.closed:
                raise StorageError("The store is closed.")
            self._gathered.append(job)
        # Not before the loop is through with what else is at hand: until then the thread would wake only to wait for
        # the GIL, and what is asked for in one turn of the loop can share a commit.
        job.loop.call_soon(self._hand_over)
        answer: T = await job.future
        return answer

    def _hand_over(self) -> None:
        with self._lock:
            self._queue_gathered()

    def _queue_gathered(self) -> None:
        for job in self._gathered:
            self._queue.put(job)
        self._gathered.clear()

    def next(self) -> Job | None:
        """Wait for work. None when there is none any more."""
        job = self._queue.get()
        if job is None:
            self._queue.put(None)  # for the other threads
        return job

    def waiting(self, limit: int) -> Iterable[Job]:
        """What is queued at this moment, for a thread that is alone."""
        while limit and not self._queue.empty():
            job = self._queue.get()
            if job is None:
                self._queue.put(None)
                return
            limit -= 1
            yield job

    def close(self) -> bool:
        """Accept no more. False if it was closed before."""
        with self._lock:
            if self.closed:
                return False
            self.closed = True
            self._queue_gathered()
            self._queue.put(None)
            return True


def answer(jobs: Iterable[Job]) -> None:
    """Wake each event loop once, however many of its callers have an answer."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[Job]] = defaultdict(list)
    for job in jobs:
        by_loop[job.loop].append(job)
    for loop, answered in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, answered)
        except RuntimeError:  # the loop has ended, and its callers with it
            continue


def _settle(jobs: list[Job]) -> None:
    for job in jobs:
        job.settle()
