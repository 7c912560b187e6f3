"""Compares this tree with another: `python bench/compare.py OTHER [--only refresh] [--workers 16] [--postgresql]`.

OTHER is the folder of another checkout (`git worktree add ../before main`). Both serve in alternating rounds, so that
both have the same share of good and bad minutes: on a machine with other work, that alone tells a tenth from nothing.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack, aclosing
from dataclasses import replace
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from client import Key
from driver import Run
from journeys import Journeys
from targets import Target, postgresql, sqlite


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="the folder of another checkout of CareKey")
    parser.add_argument("--only", action="append", default=[], help="only journeys whose name contains this")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--count", type=int, default=100, help="journeys in a round")
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    opened, key = postgresql if asked.postgresql else sqlite, Key()
    with tempfile.TemporaryDirectory(prefix="carekey-bench-") as folder, ExitStack() as stack:
        running = []
        for name, tree in (("other", asked.other.resolve()), ("this", ROOT)):
            own = Path(folder) / name
            own.mkdir()
            # Made by this tree's code, served by each tree's own: they have to agree about the tables.
            target = stack.enter_context(opened(own, key))
            target = replace(target, environment={**target.environment, "PYTHONPATH": str(tree / "src")})
            running.append((target, stack.enter_context(target.running())[0]))
        asyncio.run(_compare(running, asked))


async def _compare(running: list[tuple[Target, int]], asked: argparse.Namespace) -> None:
    async with AsyncExitStack() as stack:
        every = []
        for target, server in running:
            journeys = Journeys(
                provider=target.provider,
                port=target.port,
                key=target.key,
                users=target.users,
                workers=asked.workers,
                busy=target.busy,
            )
            await stack.enter_async_context(aclosing(journeys))
            every.append((server, await journeys.every()))
        print("| Journey | At once | Other | This | Difference |\n|---|--:|--:|--:|--:|")
        for name in every[0][1]:
            if asked.only and not any(part in name for part in asked.only):
                continue
            runs = [Run(journeys[name], server, asked.workers) for server, journeys in every]
            for run in runs:
                await run.warm_up(asked.count)
            for _ in range(asked.rounds):
                for run in runs:
                    await run.round(asked.count, seconds=60)
            other, this = (median(run.costs) * 1000 for run in runs)
            print(
                f"| {name} | {asked.workers} | {other:.3f} | {this:.3f} | {(this / other - 1) * 100:+.0f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
