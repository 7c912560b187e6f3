"""Programs that a test starts, and ends with everything they started themselves."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2


class DidNotStart(Exception):
    pass


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
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
