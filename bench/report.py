"""From figures to docs/benchmarks.md, and the same as JSON."""

import json
import os
import platform
import sqlite3
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cards import CardFigures
from carekey import __version__
from driver import Figures
from removal import BUDGET_SECONDS, Removal
from targets import NODE
from waiting import BUDGET_MB, HOW_MANY, Waiting

PEER = "oidc-provider"
_PEER_LOCK = Path(__file__).parent / "peer" / "package-lock.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    server: str
    journey: str
    workers: int
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    idle_mb: float
    half_mb: float
    after_mb: float
    log_ins: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreCost:
    """Of the UAF core, without HTTP or store."""

    name: str
    budget_ms: float
    cpu_ms: float


@dataclass(slots=True)
class Report:
    results: list[Result] = field(default_factory=list)
    starts: dict[str, float] = field(default_factory=dict)
    """Seconds from the start of the process to the first answer."""
    memory: dict[str, Memory] = field(default_factory=dict)
    core: list[CoreCost] = field(default_factory=list)
    waiting: Waiting | None = None
    cards: CardFigures | None = None
    removal: Removal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Server CPU in milliseconds for one journey, on the machine on which the budgets were set, where the peer
    needed `peer` for it. On another machine the same share of what the peer needs there."""

    journey: str
    cpu_ms: float
    postgresql_ms: float | None = None
    peer_ms: float | None = None


BUDGETS = (
    Budget(journey="complete log-in", cpu_ms=1.6, postgresql_ms=2.5, peer_ms=3.2),
    Budget(journey="silent log-in", cpu_ms=0.9),
    Budget(journey="client credentials", cpu_ms=0.29, peer_ms=0.29),
    Budget(journey="userinfo, 20 roles", cpu_ms=0.2),
    Budget(journey="refresh", cpu_ms=0.5),
    Budget(journey="introspection", cpu_ms=0.12),
    Budget(journey="pushed request", cpu_ms=0.25),
    Budget(journey="DPoP-bound token request", cpu_ms=0.4),
)
START_SECONDS = 1.0
IDLE_MB = 90


def write(report: Report, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "benchmarks.md").write_text(page(report), encoding="utf-8")
    found = {
        "machine": _machine(),
        "results": [asdict(result) for result in report.results],
        "starts": report.starts,
        "uaf": [asdict(cost) for cost in report.core],
        "waiting": asdict(report.waiting) if report.waiting else None,
        "removal": asdict(report.removal) if report.removal else None,
        "memory": {name: asdict(memory) for name, memory in report.memory.items()},
    }
    (folder / "benchmarks.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def page(report: Report) -> str:
    parts = [_head(), *_budgets(report), *_directories(report), *_latencies(report), *_start_and_memory(report)]
    parts += [*_uaf(report), *_waiting(report), *_cards(report), *_removal(report)]
    return "\n".join([*parts, ""])


def _head() -> str:
    machine = "\n".join(f"| {name} | {value} |" for name, value in _machine().items())
    return f"""# Benchmarks

Made by `make bench`. One run, one machine, other work perhaps beside it: ratios are what matters.

Cost is the server's own CPU time, user and system, of all its processes, divided by the number of journeys; what the driver and the
database server spend does not count. The peer is npm's oidc-provider in the same run, with everything in memory, no authenticator and
no pages. CareKey writes every step durably, verifies a WebAuthn assertion and shows its pages.

| Machine | |
|---|---|
{machine}
"""


def _budgets(report: Report) -> list[str]:
    lines = [
        "## Server CPU against the budgets",
        "",
        "Milliseconds for one journey, one at a time. “Scaled” is the budget on this machine: the budgets were set on one where the",
        f"peer needed {BUDGETS[0].peer_ms} ms for its log-in.",
        "",
        "| Journey | Budget | Scaled | SQLite | PostgreSQL | oidc-provider | SQLite to peer |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    peer_log_in = _cpu(report, PEER, BUDGETS[0].journey)
    scale = peer_log_in / BUDGETS[0].peer_ms if peer_log_in and BUDGETS[0].peer_ms else None
    for budget in BUDGETS:
        peer, sqlite = _cpu(report, PEER, budget.journey), _cpu(report, "SQLite", budget.journey)
        cells = [
            budget.journey,
            f"{budget.cpu_ms}" + (f" (PostgreSQL {budget.postgresql_ms})" if budget.postgresql_ms else ""),
            _ms(budget.cpu_ms * scale if scale else None),
            _ms(sqlite),
            _ms(_cpu(report, "PostgreSQL", budget.journey)),
            _ms(peer),
            f"{sqlite / peer:.2f}" if sqlite and peer else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _directories(report: Report) -> list[str]:
    if not any(result.server == "SQLite, national" for result in report.results):
        return []
    lines = [
        "## Small directory and national directory",
        "",
        "2,000 people against 1.5 million people with 3 million role profiles at 60,000 organisations. Budget: within 10 %.",
        "",
        "| Journey | Small | National | Difference |",
        "|---|--:|--:|--:|",
    ]
    for budget in BUDGETS:
        small, national = (_cpu(report, name, budget.journey) for name in ("SQLite", "SQLite, national"))
        if small and national:
            change = f"{(national / small - 1) * 100:+.0f} %"
            lines.append(f"| {budget.journey} | {_ms(small)} | {_ms(national)} | {change} |")
    return [*lines, ""]


def _latencies(report: Report) -> list[str]:
    lines = [
        "## Latency",
        "",
        "As the driver saw it, on the same cores as the server.",
        "",
        "| Server | Journey | At once | CPU ms | p50 ms | p95 ms | p99 ms | Each second |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for result in report.results:
        f = result.figures
        lines.append(
            f"| {result.server} | {result.journey} | {result.workers} | {f.cpu_ms:.2f} | {f.p50_ms:.1f} | {f.p95_ms:.1f} "
            f"| {f.p99_ms:.1f} | {f.per_second:.0f} |"
        )
    return [*lines, ""]


def _start_and_memory(report: Report) -> list[str]:
    lines = [
        "## Start and memory",
        "",
        f"Budgets: the first answer within {START_SECONDS:.0f} s; {IDLE_MB} MB idle, and no growth with log-ins.",
        "",
        "| Server | First answer | Idle | Half-way | After the log-ins |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, seconds in report.starts.items():
        memory = report.memory.get(name)
        cells = (
            [f"{memory.idle_mb:.0f} MB", f"{memory.half_mb:.0f} MB", f"{memory.after_mb:.0f} MB ({memory.log_ins:,})"]
            if memory
            else ["", "", ""]
        )
        lines.append(f"| {name} | {seconds:.2f} s | {' | '.join(cells)} |")
    return lines


def _uaf(report: Report) -> list[str]:
    if not report.core:
        return []
    peer = _cpu(report, PEER, BUDGETS[0].journey)
    scale = peer / BUDGETS[0].peer_ms if peer and BUDGETS[0].peer_ms else None
    lines = [
        "",
        "## FIDO UAF",
        "",
        "CPU of the core in milliseconds for one message, without HTTP or store.",
        "",
        "| What | Budget | Scaled | Measured |",
        "|---|--:|--:|--:|",
    ]
    return lines + [
        f"| {cost.name} | {cost.budget_ms} | {_ms(cost.budget_ms * scale if scale else None)} | {cost.cpu_ms:.3f} |"
        for cost in report.core
    ]


def _waiting(report: Report) -> list[str]:
    its = report.waiting
    if its is None:
        return []
    text = (
        f"{its.count:,} log-ins that wait for a phone at one worker hold {its.mb:.0f} MB (budget: {BUDGET_MB} MB for "
        f"{HOW_MANY:,}) and cost {its.quiet_ms_per_second:.0f} ms of CPU a second while nothing happens. What another worker "
        f"changed is on the page after {its.one_hears_ms:.0f} ms; if all change at once, after {its.all_hear_seconds:.1f} s, "
        f"{its.all_hear_cpu_ms:.2f} ms of CPU for each."
    )
    return ["", text]


def _cards(report: Report) -> list[str]:
    if report.cards is None:
        return []
    f = report.cards
    return [
        "",
        "## Smartcards",
        "",
        "The log-in goes through to userinfo, its TLS left to a proxy; what a handshake costs stands beside it.",
        "",
        "| What | Budget | Measured |",
        "|---|--:|--:|",
        f"| validation, its revocation lists in memory | 0.3 ms | {f.validation_ms:.2f} ms |",
        f"| complete log-in, server CPU without TLS | 4 ms | {f.log_in_ms:.2f} ms |",
        f"| full mutual handshakes, for a second of a core | 250 | {f.handshakes_per_core:.0f} |",
        f"| a list of 100,000 entries, in a thread | 0.3 s | {f.list_seconds:.2f} s |",
        f"| for how long the event loop stood still meanwhile | | {f.list_pause_ms:.0f} ms |",
    ]


def _removal(report: Report) -> list[str]:
    its = report.removal
    if its is None:
        return []
    text = (
        f"From a card out of its reader to its session ended, by the companion at a workstation: {its.median:.2f} s, at most "
        f"{its.longest:.2f} s in {its.count} times (budget: {BUDGET_SECONDS:.0f} s)."
    )
    return ["", text]


def _cpu(report: Report, server: str, journey: str) -> float | None:
    for result in report.results:
        if (result.server, result.journey, result.workers) == (server, journey, 1):
            return result.figures.cpu_ms
    return None


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _machine() -> dict[str, str]:
    """What the figures depend on, and nothing that names the machine."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) for line in _read("/proc/meminfo").splitlines() if "MemTotal" in line), 0)
    peer = json.loads(_PEER_LOCK.read_text())["packages"][f"node_modules/{PEER}"]["version"]
    return {
        "Processor": f"{model}, {os.cpu_count()} cores",
        "Memory": f"{memory / 1024 / 1024:.0f} GiB",
        "System": f"{platform.system()} {platform.release().split('-')[0]}",
        "CareKey": __version__,
        "Python": sys.version.split()[0],
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": _postgresql(),
        "Node.js": _output(NODE, "--version"),
        PEER: peer,
    }


def _postgresql() -> str:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return _output(str(found[-1]), "--version").split()[2] if found else "not installed"


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except OSError:
        return "not found"


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError:
        return ""
