"""Manners of the command line (ux.md section 8): data on stdout, all else on stderr, exit codes that mean something."""

import getpass
import json
import os
import sys
from collections.abc import Coroutine, Iterable, Mapping
from enum import IntEnum
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from carekey.app import settings
from carekey.kernel.actor import Actor, operator

T = TypeVar("T")


class Exit(IntEnum):
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    CONFLICT = 5
    PARTLY = 6
    DEPENDENCY = 7


class CommandError(Exception):
    """Ends a command: what is wrong, and the fix, in a sentence."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code


def read_settings(config: Path | None) -> settings.Settings:
    """Raises: CommandError."""
    try:
        return settings.load(config)
    except settings.SettingsError as error:
        raise CommandError(str(error), Exit.USAGE) from None


def run(work: Coroutine[Any, Any, T]) -> T:
    import asyncio

    return asyncio.run(work)


def say(text: str) -> None:
    """A remark for the person at the terminal."""
    print(text, file=sys.stderr)  # noqa: T201 (this is the terminal)


def put(text: str) -> None:
    """Data."""
    print(text)  # noqa: T201


def put_json(value: Any) -> None:
    put(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def put_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """The first column is what other commands want to be told: it stays whole in its line, and the others break."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(no_color="NO_COLOR" in os.environ or None).print(table)


def put_pairs(pairs: Mapping[str, Any], *, indent: int = 0) -> None:
    """A name and a value on each line; records of which there are several, one below the other."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        several = isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value)
        said = [_said(one) for one in value] if several else [_said(value)]
        for heading, line in zip_longest([name], said, fillvalue=""):
            put(f"{'':<{indent}}{heading:<{width}}  {line}".rstrip())


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(part)}" for name, part in value.items() if part not in (None, []))
    return ", ".join(map(_said, value)) or "none" if isinstance(value, list | tuple) else plain(str(value))


def plain(text: str) -> str:
    """What others wrote, such as the name in a certificate that nobody trusts, must not command the terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def this_operator() -> Actor:
    """Whoever is at the keyboard, for the audit record."""
    try:
        return operator(getpass.getuser())
    except (KeyError, OSError):
        return operator(f"uid {os.getuid()}")
