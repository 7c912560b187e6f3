"""The harness measures what it says: every journey runs to its end against a CareKey that is really started."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_journey_of_the_budgets_runs_to_its_end():
    command = [
        sys.executable,
        ROOT / "bench" / "run.py",
        "--quick",
        "--only",
        "SQLite",
        "--only",
        "uaf",
        "--count",
        "5",
        "--log-ins",
        "4",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    for journey in (
        "complete log-in",
        "silent log-in",
        "client credentials",
        "userinfo, 20 roles",
        "refresh",
        "introspection",
        "pushed request",
        "DPoP-bound token request",
    ):
        for workers in (1, 16):
            assert f"{journey}, {workers} at once" in done.stderr
    assert "| SQLite | complete log-in | 1 |" in done.stdout
    assert "| log-in verified, P-256 | 0.25 |" in done.stdout
    assert "5 log-ins that wait for a phone at one worker hold" in done.stdout


def test_a_tree_is_compared_with_itself():
    command = [sys.executable, ROOT / "bench" / "compare.py", ROOT, "--only", "introspection", "--rounds", "1"]
    done = subprocess.run([*command, "--count", "5"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    other, this = (float(cell) for cell in done.stdout.splitlines()[-1].split("|")[3:5])
    assert other > 0
    assert this > 0


def test_the_notices_of_ended_sessions_are_measured_to_the_last():
    command = [sys.executable, ROOT / "bench" / "logout.py", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    for server in ("SQLite", "PostgreSQL"):
        assert f"{server}: 20 notices to 10 applications" in done.stdout


def test_mutual_tls_is_measured_with_and_without_a_handshake():
    command = [sys.executable, ROOT / "bench" / "mutual_tls.py", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    kept, each = (float(line.split()[-1]) for line in done.stdout.splitlines()[1:])
    assert 0 < kept < each


def test_a_simulated_week_is_bounded_when_it_has_run_its_course():
    command = [sys.executable, ROOT / "bench" / "week.py", "30", "9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    head, _, *days = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()]
    eighth, ninth = ({name: int(cell) for name, cell in zip(head, day, strict=True)} for day in days[-2:])
    assert min(ninth.values()) > 0
    assert {
        name: ninth[name] - eighth[name] for name in head if name not in {"Day", "MB"} and ninth[name] != eighth[name]
    } == {}
