"""Programs that a test starts, and ends with everything they started themselves."""

import os
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2

KEPT = 50
"""Ports, of those given last."""


class DidNotStart(Exception):
    pass


_kept: deque[int] = deque()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, and that nobody else is given while we start what listens there."""
    keeping = socket.socket()
    keeping.bind(("127.0.0.1", 0))
    # From here on whoever asks for this very port may listen there, as servers do; who takes any port gets another.
    keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port: int = keeping.getsockname()[1]
    _kept.append(keeping.detach())
    if len(_kept) > KEPT:
        os.close(_kept.popleft())
    return port


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    answers: str | Callable[[], bool],
    log: Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    within: float = 90,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the command until the block ends. `answers`: an address that answers once it is ready, or
    what to ask instead.

    Raises: DidNotStart, with the end of what it wrote.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, to end its children with it
        )
    try:
        _wait_for(process, answers, log, within)
        yield process
    finally:
        _end(process)


def _wait_for(process: subprocess.Popen[bytes], answers: str | Callable[[], bool], log: Path, within: float) -> None:
    deadline = time.monotonic() + within
    while not (_answers(answers) if isinstance(answers, str) else answers()):
        gone = process.poll() is not None
        if gone or time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-2000:]
            why = f"ended with {process.returncode}" if gone else f"did not answer at {answers}"
            raise DidNotStart(f"{process.args!r} {why}:\n{said}") from None
        time.sleep(0.05)


def _answers(address: str) -> bool:
    try:
        httpx2.get(address, timeout=2)
    except httpx2.HTTPError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    for signal_number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # whatever the first of them left behind
    process.wait(5)
