"""Runs a journey many times and measures what it costs the server.

Server CPU is read from the kernel's account of the server's processes, so that what the driver itself spends does
not count.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TICKS = os.sysconf("SC_CLK_TCK")
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
    total = 0
    for pid in processes(root):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def resident_mb(root: int) -> float:
    """Memory that the processes hold for themselves and share, in MB, shared pages counted once for each."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in processes(root))
    return pages * _PAGE / 1e6


async def measure(
    journey: Journey, server: int, *, workers: int, count: int, seconds: float, warm_up: int = 30
) -> Figures:
    """Run the journey by so many workers at once until it ran `count` times or `seconds` have passed."""
    for number in range(warm_up):
        await journey(number % workers)
    took: list[float] = []
    left = count
    end = time.monotonic() + seconds

    async def work(number: int) -> None:
        nonlocal left
        while left > 0 and time.monotonic() < end:
            left -= 1
            began = time.perf_counter()
            await journey(number)
            took.append(time.perf_counter() - began)

    cpu, began = cpu_seconds(server), time.perf_counter()
    await asyncio.gather(*(work(number) for number in range(workers)))
    elapsed, cpu = time.perf_counter() - began, cpu_seconds(server) - cpu
    return Figures(
        journeys=len(took),
        cpu_ms=cpu / len(took) * 1000,
        p50_ms=median(took) * 1000,
        p95_ms=_percentile(took, 95) * 1000,
        p99_ms=_percentile(took, 99) * 1000,
        per_second=len(took) / elapsed,
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
