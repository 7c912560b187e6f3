"""Shows where the server's time goes: `python bench/hotspots.py [count [journey]]`, complete log-ins if none is named.

The server is stopped after every millisecond of processor time and asked what it is doing. Waiting does not count,
and a call into C counts for the line that made it. Only the main thread is asked: the share of the others, which
write to the database, is printed beside it.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from driver import Run, cpu_seconds
from journeys import Journeys
from targets import Target, targets

_SERVE = """
import collections, json, signal, sys
from carekey.app.cli import main

stacks = collections.Counter()

def look(_, frame):
    stack = []
    while frame is not None:
        stack.append(f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    stacks[tuple(stack)] += 1

signal.signal(signal.SIGPROF, look)
signal.signal(signal.SIGUSR1, lambda *_: signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001))
signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # the server raises it again when it has shut down
sys.argv = ["carekey", "serve"]
try:
    main()
finally:
    signal.setitimer(signal.ITIMER_PROF, 0)
    with open(FILE, "w") as out:
        json.dump(list(stacks.items()), out)
"""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    journey = sys.argv[2] if len(sys.argv) > 2 else "complete log-in"
    with tempfile.TemporaryDirectory(prefix="carekey-bench-") as folder:
        file = Path(folder) / "stacks.json"
        with targets(Path(folder), national=False)["SQLite"]() as target:
            sampled = replace(target, command=[sys.executable, "-c", f"FILE = {str(file)!r}\n{_SERVE}"])
            cpu_ms, others = asyncio.run(_run(sampled, journey, count))
        stacks = json.loads(file.read_text())
    total = sum(count for _, count in stacks)
    print(f"{cpu_ms:.2f} ms for one {journey}; other threads {others:.0%}; {total} samples of the main thread")
    _print("Own time", Counter(), ((stack[:1], count) for stack, count in stacks), total)
    _print("With what it calls", Counter(), ((set(stack), count) for stack, count in stacks), total)


def _print(title: str, shares: Counter[str], parts: object, total: int) -> None:
    for names, count in parts:
        for name in names:
            shares[name] += count
    print(f"\n{title}")
    for name, count in shares.most_common(60):
        print(f"{count / total:6.1%}  {_short(name)}")


def _short(name: str) -> str:
    for folder in ("/site-packages/", "/src/", "/lib/python3"):
        _, found, rest = name.rpartition(folder)
        if found:
            return rest
    return name


async def _run(target: Target, name: str, count: int) -> tuple[float, float]:
    """Milliseconds for one journey, and the share of threads other than the first."""
    with target.running() as (server, _):
        journeys = Journeys(
            provider=target.provider, port=target.port, key=target.key, users=target.users, workers=1, busy=target.busy
        )
        try:
            journey = (await journeys.every())[name]
            for _ in range(300):
                await journey(0)
            os.kill(server, signal.SIGUSR1)
            first, whole = _first_thread(server), cpu_seconds(server)
            run = Run(journey, server, workers=1)
            await run.round(count, seconds=600)
            first, whole = _first_thread(server) - first, cpu_seconds(server) - whole
            return run.figures().cpu_ms, 1 - first / whole
        finally:
            await journeys.aclose()


def _first_thread(server: int) -> float:
    return int(Path(f"/proc/{server}/task/{server}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
