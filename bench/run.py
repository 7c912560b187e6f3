"""Measures CareKey and its peer in one run, and writes docs/benchmarks.md and docs/benchmarks.json.

`--quick` takes a minute and leaves the national directory out. It prints the page instead of writing it, and so does
every run that is less than whole.
"""

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from driver import measure, resident_mb
from journeys import Journeys
from report import Memory, Report, Result, page, write
from targets import Target, targets

WORKERS = (1, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to measure."""

    count: int
    """Journeys of a kind, unless `seconds` pass before."""
    seconds: float
    warm_up: int
    log_ins: int
    """After which memory is looked at."""
    starts: int = 5


QUICK = Plan(count=300, seconds=10, warm_up=200, log_ins=500)
WHOLE = Plan(count=3000, seconds=40, warm_up=600, log_ins=10_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run, without the national directory")
    parser.add_argument("--only", action="append", default=[], help="only the servers whose name contains this")
    parser.add_argument("--count", type=int, help="so many journeys of each kind, and a fifth of it to warm up")
    parser.add_argument("--log-ins", type=int, help="log-ins after which memory is looked at")
    asked = parser.parse_args()
    plan = QUICK if asked.quick else WHOLE
    if asked.count is not None:
        plan = replace(plan, count=asked.count, warm_up=asked.count // 5, starts=1)
    if asked.log_ins is not None:
        plan = replace(plan, log_ins=asked.log_ins)
    whole = plan == WHOLE and not asked.only
    report = Report()
    with tempfile.TemporaryDirectory(prefix="carekey-bench-") as folder:
        for name, opened in targets(Path(folder), national=not asked.quick or "national" in asked.only).items():
            if not asked.only or any(part in name for part in asked.only):
                with opened() as target:
                    _say(f"{name}:")
                    asyncio.run(_measure(target, plan, report))
    if whole:
        write(report, ROOT / "docs")
    else:
        print(page(report))


async def _measure(target: Target, plan: Plan, report: Report) -> None:
    starts = []
    for _ in range(plan.starts):
        with target.running() as (_, seconds):
            starts.append(seconds)
    report.starts[target.name] = median(starts)
    with target.running() as (server, _):
        await asyncio.sleep(1)
        idle = resident_mb(server)
        for workers in WORKERS:
            journeys = _journeys(target, workers)
            try:
                for name, journey in await journeys.every():
                    figures = await measure(
                        journey, server, workers=workers, count=plan.count, seconds=plan.seconds, warm_up=plan.warm_up
                    )
                    report.results.append(Result(server=target.name, journey=name, workers=workers, figures=figures))
                    _say(f"  {name}, {workers} at once: {figures.cpu_ms:.2f} ms, p95 {figures.p95_ms:.1f} ms")
            finally:
                await journeys.close()
        if plan.log_ins:
            report.memory[target.name] = await _memory(target, server, idle, plan.log_ins)


async def _memory(target: Target, server: int, idle: float, log_ins: int) -> Memory:
    """Twice as many log-ins: what grows between the first half and the second keeps growing."""
    journeys = _journeys(target, max(WORKERS))
    sizes = []
    try:
        for _ in range(2):
            await measure(
                journeys.complete_log_in, server, workers=max(WORKERS), count=log_ins // 2, seconds=3600, warm_up=0
            )
            sizes.append(resident_mb(server))
    finally:
        await journeys.close()
    _say(f"  memory: {idle:.0f} MB idle, {sizes[0]:.0f} and {sizes[1]:.0f} MB after {log_ins} log-ins")
    return Memory(idle_mb=idle, half_mb=sizes[0], after_mb=sizes[1], log_ins=log_ins)


def _journeys(target: Target, workers: int) -> Journeys:
    return Journeys(
        provider=target.provider,
        port=target.port,
        key=target.key,
        users=target.users,
        workers=workers,
        busy=target.busy,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
