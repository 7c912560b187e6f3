"""Measures CareKey and its peer in one run, and writes docs/benchmarks.md and docs/benchmarks.json.

`--quick` takes a minute and leaves the national directory out. It prints the page instead of writing it, and so does
every run that is less than whole.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack, aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

import cards
import removal
import uaf
import waiting
from driver import Run, resident_mb
from journeys import Journeys
from report import CoreCost, Memory, Report, Result, page, write
from targets import Target, targets

WORKERS = (1, 16)
ROUNDS = 5


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
    parser.add_argument(
        "--only", action="append", default=[], help="only the servers whose name contains this, `cards` or `removal`"
    )
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
    with tempfile.TemporaryDirectory(prefix="carekey-bench-") as folder, ExitStack() as stack:
        ready = [
            stack.enter_context(opened())
            for name, opened in targets(Path(folder), national=not asked.quick or "national" in asked.only).items()
            if not asked.only or any(part in name for part in asked.only)
        ]
        _starts(ready, plan, report)
        running = [(target, stack.enter_context(target.running())[0]) for target in ready]
        asyncio.run(_measure(running, plan, report))
        if not asked.only or "uaf" in asked.only:
            _uaf(Path(folder), plan, report)
        if not asked.only or "cards" in asked.only:
            (Path(folder) / "with-cards").mkdir()
            report.cards = cards.measure(Path(folder) / "with-cards", count=min(plan.count, 500))
        if not asked.only or "removal" in asked.only:
            (Path(folder) / "removal").mkdir()
            report.removal = removal.measure(Path(folder) / "removal", count=min(plan.count, removal.HOW_MANY))
            _say(f"{report.removal}")
    if whole:
        write(report, ROOT / "docs")
    else:
        print(page(report))


def _uaf(folder: Path, plan: Plan, report: Report) -> None:
    for budget, ms in uaf.core(count=min(plan.count, 400)):
        report.core.append(CoreCost(name=budget.name, budget_ms=budget.cpu_ms, cpu_ms=ms))
        _say(f"UAF core: {budget.name}: {ms:.3f} ms of CPU")
    count = waiting.HOW_MANY if plan.count == WHOLE.count else plan.count
    with waiting.many_files(), waiting.server(folder) as (target, url), target.running() as (process, _):
        report.waiting = asyncio.run(waiting.measure(target, url, process, count=count))
        _say(f"{report.waiting}")


def _starts(ready: list[Target], plan: Plan, report: Report) -> None:
    for target in ready:
        seconds = []
        for _ in range(plan.starts):
            with target.running() as (_, took):
                seconds.append(took)
        report.starts[target.name] = median(seconds)


async def _measure(running: list[tuple[Target, int]], plan: Plan, report: Report) -> None:
    await asyncio.sleep(1)
    idle = {target.name: resident_mb(server) for target, server in running}
    for workers in WORKERS:
        async with AsyncExitStack() as stack:
            every = []
            for target, server in running:
                journeys = await stack.enter_async_context(aclosing(_journeys(target, workers)))
                every.append((target, server, await journeys.every()))
            for name in dict.fromkeys(name for _, _, journeys in every for name in journeys):
                runs = {
                    target.name: Run(journeys[name], server, workers)
                    for target, server, journeys in every
                    if name in journeys
                }
                await _rounds(runs, plan)
                for server_name, run in runs.items():
                    figures = run.figures()
                    report.results.append(Result(server=server_name, journey=name, workers=workers, figures=figures))
                    _say(f"{server_name}: {name}, {workers} at once: {figures.cpu_ms:.2f} ms of CPU")
    for target, server in running:
        if plan.log_ins and "national" not in target.name:
            report.memory[target.name] = await _memory(target, server, idle[target.name], plan.log_ins)


async def _rounds(runs: dict[str, Run], plan: Plan) -> None:
    for run in runs.values():
        await run.warm_up(plan.warm_up)
    for _ in range(ROUNDS):
        for run in runs.values():
            await run.round(max(plan.count // ROUNDS, 1), seconds=plan.seconds / ROUNDS)


async def _memory(target: Target, server: int, idle: float, log_ins: int) -> Memory:
    """Looked at half-way and at the end: what grows in the second half keeps growing."""
    sizes = []
    async with aclosing(_journeys(target, max(WORKERS))) as journeys:
        run = Run(journeys.complete_log_in, server, max(WORKERS))
        for _ in range(2):
            await run.round(log_ins // 2, seconds=3600)
            sizes.append(resident_mb(server))
    _say(f"{target.name}: {idle:.0f} MB idle, {sizes[0]:.0f} and {sizes[1]:.0f} MB after {log_ins} log-ins")
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
