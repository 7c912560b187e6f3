"""Runs a journey many times and measures what it costs the server.

Server CPU is the kernel's account of the server's processes, so that what the driver itself spends does not count.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    journeys: int
    cpu_ms: float
    """User and system time of the server for one journey, in milliseconds."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_second: float


Journey = Callable[[int], Awaitable[None]]
"""One run of it. The number tells the workers apart."""


def processes(root: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, left = [], [root]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def cpu_seconds(root: int) -> float:
    """User and system time, to the nanosecond, of all threads, those that have ended included."""
    return sum(time.clock_gettime(_cpu_clock(pid)) for pid in processes(root))


def _cpu_clock(pid: int) -> int:
    """What clock_getcpuclockid(3) gives for a process: Python has it for threads alone."""
    return (~pid << 3) | 2


def resident_mb(root: int) -> float:
    """Memory that the processes hold for themselves and share, in MB, shared pages counted once for each."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in processes(root))
    return pages * _PAGE / 1e6


@dataclass(slots=True)
class Run:
    """One journey on one server, by so many workers at once, in rounds.

    The cost is that of the median round: other work on the machine comes in bursts. Between its rounds come those of
    the other servers, so that all of them have the same share of good and bad minutes.
    """

    journey: Journey
    server: int
    """The server's process."""
    workers: int
    took: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    seconds: float = 0

    async def warm_up(self, count: int) -> None:
        for number in range(count):
            await self.journey(number % self.workers)

    async def round(self, count: int, *, seconds: float) -> None:
        """Run it `count` times, or as often as it can be done in `seconds`."""
        left, done = count, len(self.took)
        began, cpu = time.perf_counter(), cpu_seconds(self.server)

        async def work(number: int) -> None:
            nonlocal left
            while left > 0 and time.perf_counter() < began + seconds:
                left -= 1
                start = time.perf_counter()
                await self.journey(number)
                self.took.append(time.perf_counter() - start)

        await asyncio.gather(*(work(number) for number in range(self.workers)))
        self.costs.append((cpu_seconds(self.server) - cpu) / (len(self.took) - done))
        self.seconds += time.perf_counter() - began

    def figures(self) -> Figures:
        return Figures(
            journeys=len(self.took),
            cpu_ms=median(self.costs) * 1000,
            p50_ms=median(self.took) * 1000,
            p95_ms=_percentile(self.took, 95) * 1000,
            p99_ms=_percentile(self.took, 99) * 1000,
            per_second=len(self.took) / self.seconds,
        )


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
