"""The way into the command `carekey`.

Whoever restarts the provider waits for it. So `carekey serve` and its plain options are read here: the command line
that knows all commands, and the libraries that it is made with, never come into the server's process.
"""

import gc
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from carekey.app.listener import Listener
from carekey.app.settings import SettingsError
from carekey.app.terminal import CommandError, Exit, say


class Asked(NamedTuple):
    """The options of `carekey serve`."""

    config: Path | None = None
    workers: int | None = None
    only: Listener | None = None


def main() -> None:
    """A failure is one sentence with its fix and an exit code (ux.md section 8), never a stack trace."""
    gc.disable()  # while modules are made, of which hardly anything is garbage; `serving.py` turns it on again
    asked = plain(sys.argv[1:])
    try:
        _command_line() if asked is None else _serve(asked)
    except CommandError as error:
        say(str(error))
        sys.exit(error.code)
    except SettingsError as error:
        say(str(error))
        sys.exit(Exit.USAGE)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from carekey.jose.signer import KeyUnusable
        from carekey.storage.errors import StorageError

        if not isinstance(error, StorageError | KeyUnusable):
            raise
        say(str(error))
        sys.exit(Exit.DEPENDENCY)


def plain(words: Sequence[str]) -> Asked | None:
    """What is asked of `carekey serve` in pairs of a name and a value; None if it is asked otherwise, or not at all.

    What is not plain is not wrong: the command line takes it, or says what is wrong with it.
    """
    names, values = words[1::2], words[2::2]
    given = dict(zip(names, values, strict=False))
    if words[:1] != ["serve"] or not given.keys() <= {"--config", "--workers", "--only"}:
        return None
    if not len(given) == len(names) == len(values) or any(value[:1] in {"", "-"} for value in values):
        return None
    config, workers, only = given.get("--config"), given.get("--workers", "1"), given.get("--only")
    if not (workers.isascii() and workers.isdecimal() and int(workers) >= 1 and only in {None, *Listener}):
        return None
    config = config or os.environ.get("CAREKEY_CONFIG")
    return Asked(
        Path(config) if config else None,
        int(workers) if "--workers" in given else None,
        Listener(only) if only else None,
    )


def begin(*, verbose: bool = False) -> None:
    """What every command does first."""
    from carekey.app import logs

    logs.set_up()
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, stream=sys.stderr, format="%(message)s")


def _command_line() -> None:
    from carekey.app.command_line import app

    gc.freeze()
    gc.enable()
    app()


def _serve(asked: Asked) -> None:
    # What structlog shows stack traces with on a terminal, if there is any: 5 MB, and our logs show none (logs.py).
    sys.modules["rich"] = None  # type: ignore[assignment]  # so the import system is told that there is none
    from carekey.app import serving

    begin()
    serving.serve(asked.config, workers=asked.workers, only=asked.only)
