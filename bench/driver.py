"""Runs a journey many times and measures what it costs the server.

Server CPU is the kernel's account of the server's processes, so that what the driver itself spends does not count.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROUNDS = 5
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


async def measure(
    journey: Journey, server: int, *, workers: int, count: int, seconds: float, warm_up: int = 30
) -> Figures:
    """Run the journey by so many workers at once until it ran `count` times or `seconds` have passed.

    It is cut into rounds, and the cost is that of the median round: other work on the machine comes in bursts.
    """
    for number in range(warm_up):
        await journey(number % workers)
    took: list[float] = []
    costs: list[float] = []
    began = time.perf_counter()
    end = began + seconds
    for _ in range(ROUNDS):
        before, cpu = len(took), cpu_seconds(server)
        await _round(journey, workers, max(count // ROUNDS, 1), took, end)
        if len(took) > before:
            costs.append((cpu_seconds(server) - cpu) / (len(took) - before))
    elapsed = time.perf_counter() - began
    return Figures(
        journeys=len(took),
        cpu_ms=median(costs) * 1000,
        p50_ms=median(took) * 1000,
        p95_ms=_percentile(took, 95) * 1000,
        p99_ms=_percentile(took, 99) * 1000,
        per_second=len(took) / elapsed,
    )


async def _round(journey: Journey, workers: int, count: int, took: list[float], end: float) -> None:
    left = count

    async def work(number: int) -> None:
        nonlocal left
        while left > 0 and time.perf_counter() < end:
            left -= 1
            began = time.perf_counter()
            await journey(number)
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(work(number) for number in range(workers)))


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
