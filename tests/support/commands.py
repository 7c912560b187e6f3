"""CareKey's commands, each in a process of its own, which is a copy of one that has imported everything: to start
Python and import takes forty times as long as most commands, and a journey gives a dozen. `tests/cli/test_start.py`
starts some from nothing.

Run as a program this is what the copies are made of. It ends when whoever started it does.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

LONGEST = 1 << 17
"""Bytes of a command with its environment."""


def run(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, within: float
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of `carekey`, with its output as text. `within`: seconds.

    Raises: subprocess.TimeoutExpired.
    """
    command = ["carekey", *arguments]
    asked = json.dumps([command, dict(environment), str(folder)]).encode()
    line, _ = _original()
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, ours.makefile() as told:
        with theirs:
            socket.send_fds(line, [asked], [theirs.fileno(), output.fileno(), errors.fileno()])
        process = int(told.readline())
        ours.settimeout(within)
        try:
            code = int(told.readline())
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            raise subprocess.TimeoutExpired(command, within, _text(output), _text(errors)) from None
        return subprocess.CompletedProcess(command, code, _text(output), _text(errors))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@cache
def _original() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    source = Path(__file__).parents[2] / "src"
    with theirs:
        program = subprocess.Popen(
            [sys.executable, "-P", __file__, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            env={**os.environ, "PYTHONPATH": str(source)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for whoever started it
        )
    return ours, program


def _become_what_is_asked(line: socket.socket) -> None:
    """Returns in a copy alone, which from then on is the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, files, _, _ = socket.recv_fds(line, LONGEST, 3)
        if not asked:
            sys.exit()
        if os.fork() == 0:
            break
        for file in files:
            os.close(file)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told, output, errors = files
    if process := os.fork():  # this one waits for the command
        os.write(told, f"{process}\n".encode())
        _, status = os.waitpid(process, 0)
        with suppress(BrokenPipeError):  # nobody waits any more: it took too long
            os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    line.close()
    os.dup2(output, sys.stdout.fileno())
    os.dup2(errors, sys.stderr.fileno())
    for file in files:
        os.close(file)
    sys.argv, environment, folder = json.loads(asked)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)


if __name__ == "__main__":
    # What the commands import when they are called, too.
    import pydantic  # noqa: F401
    import typer._adapters  # noqa: F401

    from carekey.app import cli, command_line, wiring  # noqa: F401
    from carekey.storage.sql import migrate, postgresql, sqlite  # noqa: F401

    gc.freeze()  # or each copy would look through all of it when it ends
    _become_what_is_asked(socket.socket(fileno=int(sys.argv[1])))
    cli.main()
