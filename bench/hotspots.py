"""Shows where the server's time goes: `python bench/hotspots.py [count [journey]]`, complete log-ins if none is named.
`smartcard log-in` shows the card host as well, which is a process of its own.

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
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

import cards
from driver import Run, cpu_seconds
from journeys import Journeys
from support.processes import running
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
sys.argv = ["carekey", "serve", "--only", LISTENER]
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
    if journey == "smartcard log-in":
        asyncio.run(_smartcards(count))
        return
    with tempfile.TemporaryDirectory(prefix="carekey-bench-") as folder:
        file = Path(folder) / "stacks.json"
        with targets(Path(folder), national=False)["SQLite"]() as target:
            sampled = replace(target, command=_sampled(file, "main"))
            cpu_ms, others = asyncio.run(_run(sampled, journey, count))
        _show(file, f"{cpu_ms:.2f} ms for one {journey}; other threads {others:.0%}")


def _sampled(file: Path, listener: str) -> list[str]:
    """Starts that listener."""
    return [sys.executable, "-c", f"FILE, LISTENER = {str(file)!r}, {listener!r}\n{_SERVE}"]


async def _smartcards(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="carekey-bench-") as name, cards.card_pki(Path(name) / "pki") as pki:
        folder = Path(name)
        place = await cards.furnished(folder, pki)
        variables = cards.environment(folder, place.port, place.url, place.settings)
        files = {listener: folder / f"{listener}.json" for listener in ("main", "card-host")}
        ports = {"main": place.port, "card-host": place.card_port}
        cost = {}
        with ExitStack() as stack:
            servers = {}
            for listener, file in files.items():
                answers = partial(cards.listens, ports[listener])
                log = folder / f"{listener}.log"
                process = stack.enter_context(
                    running(_sampled(file, listener), answers=answers, log=log, environment=variables)
                )
                servers[listener] = process.pid
            journeys = place.journeys()
            for _ in range(100):
                await journeys.complete_log_in(0)
            for server in servers.values():
                os.kill(server, signal.SIGUSR1)
            before = {listener: cpu_seconds(server) for listener, server in servers.items()}
            for _ in range(count):
                await journeys.complete_log_in(0)
            for listener, server in servers.items():
                cost[listener] = (cpu_seconds(server) - before[listener]) / count * 1000
            await journeys.aclose()
        for listener, file in files.items():
            _show(file, f"{cost[listener]:.2f} ms of the {listener} listener for one smartcard log-in")


def _show(file: Path, title: str) -> None:
    stacks = json.loads(file.read_text())
    total = sum(count for _, count in stacks)
    print(f"{title}; {total} samples of the main thread")
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
