"""The directory's commands: `people import` and `dev seed`. How the store is opened is handed in."""

import asyncio
import getpass
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
import typer

from carekey.directory.generate import Size, seed
from carekey.directory.importing.row import Kind
from carekey.directory.importing.run import (
    AnotherImport,
    NothingToResume,
    OnLoss,
    Progress,
    Report,
    import_people,
    interrupted,
    nothing,
)
from carekey.directory.importing.source import SourceError
from carekey.directory.ports import DirectoryTx
from carekey.kernel import actor
from carekey.kernel.clock import SystemClock
from carekey.kernel.entropy import SystemEntropy
from carekey.kernel.unit_of_work import Store

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

OpenStore = Callable[[Path | None], AbstractContextManager[Store[DirectoryTx]]]
"""From the settings file, if one was named, to a store that is closed at the end."""

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The settings file.", envvar="CAREKEY_CONFIG", show_envvar=True),
]

FAILED, USAGE, NOT_FOUND, CONFLICT, PARTLY = 1, 2, 3, 5, 6
"""Exit codes (ux.md section 8)."""


def commands(open_store: OpenStore, on_loss: OnLoss = nothing) -> typer.Typer:
    """The commands under `people`."""
    app = typer.Typer(no_args_is_help=True, help="People, organisations, positions and who holds them.")

    @app.callback()
    def _group() -> None:
        pass  # keeps `import` a word of its own while it is the only command

    @app.command("import")
    def _import(
        file: Annotated[Path, typer.Argument(help="A .csv or .jsonl file in UTF-8.", show_default=False)],
        *,
        config: Config = None,
        kind: Annotated[Kind, typer.Option(help="What the file holds.")] = Kind.PEOPLE,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
        resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted import stopped.")] = False,
        operator: Annotated[str, typer.Option(help="Who does this, for the audit record.")] = "",
        as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
        verbose: Annotated[bool, typer.Option("--verbose", help="Say when each batch has landed.")] = False,
    ) -> None:
        """Import a file into the directory. A wrong row changes nothing and is written to a file of errors, which
        can be corrected and imported in its turn.

        Examples:

            carekey people import staff.csv --dry-run

            carekey people import positions.jsonl --kind positions
        """
        if dry_run and resume:
            _fail(USAGE, "--dry-run writes nothing, so there is nothing for it to resume. Leave one of them out.")
        with open_store(config) as store, _asked_to_stop() as stop, _shown(quiet=quiet, verbose=verbose) as on_batch:
            report = _run(
                lambda: import_people(
                    store,
                    file,
                    kind=kind,
                    operator=_operator(operator),
                    clock=SystemClock(),
                    entropy=SystemEntropy(),
                    dry_run=dry_run,
                    resume=resume,
                    stop=stop,
                    on_batch=on_batch,
                    on_loss=on_loss,
                ),
                file,
                resume=resume,
            )
        _print_report(report, file, as_json=as_json, quiet=quiet)
        raise typer.Exit(0 if report.finished and not report.progress.wrong else PARTLY)

    return app


def dev_commands(open_store: OpenStore) -> typer.Typer:
    """The commands under `dev`: for measuring and trying out, never for a directory of real people."""
    app = typer.Typer(no_args_is_help=True, help="Made-up data for development.")

    @app.callback()
    def _group() -> None:
        pass

    @app.command("seed")
    def _seed(
        *,
        config: Config = None,
        people: Annotated[int, typer.Option(min=1, max=9_999_999, help="How many people.")] = 1_500_000,
        organisations: Annotated[int, typer.Option(min=1, max=999_999, help="How many organisations.")] = 60_000,
        number: Annotated[int, typer.Option("--seed", help="The same number gives the same people.")] = 1,
        as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    ) -> None:
        """Fill the directory with made-up people, each with two role profiles on average.

        Examples:

            carekey dev seed --people 1000 --organisations 50

            carekey dev seed --seed 7
        """
        size = Size(people=people, organisations=organisations)
        began = time.monotonic()
        with open_store(config) as store, _bar(quiet=quiet) as bar:
            task = bar.add_task("Seeding", total=size.people + size.organisations, counts="")
            made = asyncio.run(
                seed(
                    store, size, number=number, operator=_operator(), clock=SystemClock(),
                    on_batch=lambda done: bar.update(task, completed=done),
                )
            )  # fmt: skip
        if as_json:
            typer.echo(msgspec.json.encode(made).decode())
        elif not quiet:
            _say(
                f"Made {made.people:,} people, {made.role_profiles:,} role profiles, "
                f"{made.organisations:,} organisations in {time.monotonic() - began:.0f} s."
            )

    return app


def _run(work: Callable[[], Coroutine[Any, Any, Report]], file: Path, *, resume: bool) -> Report:
    try:
        if not resume and interrupted(file):
            _say(f"An earlier import of {file.name} was interrupted. This one begins again; --resume would go on.")
        return asyncio.run(work())
    except SourceError as error:
        _fail(USAGE, f"Nothing was imported: {error}.")
    except NothingToResume:
        _fail(NOT_FOUND, f"No import of {file.name} was interrupted. Leave --resume out to import it.")
    except AnotherImport as error:
        _fail(CONFLICT, f"The import of {file.name} cannot be resumed: {error}.")
    except OSError as error:
        _fail(FAILED, f"The import of {file.name} stopped: {error.strerror}. Mend that and add --resume.")


def _print_report(report: Report, file: Path, *, as_json: bool, quiet: bool) -> None:
    progress = report.progress
    if as_json:
        typer.echo(
            msgspec.json.encode(
                {
                    "run": progress.run,
                    "kind": progress.kind,
                    "new": progress.new,
                    "changed": progress.changed,
                    "same": progress.same,
                    "wrong": progress.wrong,
                    "errors": progress.errors,
                    "finished": report.finished,
                    "dry_run": report.dry_run,
                }
            ).decode()
        )
    if quiet:
        return
    _say(f"{'Would be: ' if report.dry_run else ''}{_counts(progress)}.")
    if progress.errors:
        _say(f"Wrong rows are in {progress.errors}. Correct them there and import that file.")
    if progress.kind is Kind.POSITIONS and progress.changed:
        _say("People who hold the changed positions keep the old roles until their holders are imported again.")
    if not report.finished:
        again = "" if report.dry_run else f" To go on: carekey people import {file} --kind {progress.kind} --resume"
        _say(f"Stopped after line {progress.line}.{again}")


def _counts(progress: Progress) -> str:
    return f"{progress.new:,} new, {progress.changed:,} changed, {progress.same:,} same, {progress.wrong:,} wrong"


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C, or SIGTERM, asks for an end after the batch in hand; the second ends at once."""
    asked = False

    def ask(signum: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            signal.signal(signum, signal.SIG_DFL)
            signal.raise_signal(signum)
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shown(*, quiet: bool, verbose: bool) -> Iterator[Callable[[Progress, int], None]]:
    began = time.monotonic()
    with _bar(quiet=quiet) as bar:
        task = bar.add_task("Importing", total=None, counts="")

        def on_batch(progress: Progress, size: int) -> None:
            if verbose:
                _say(f"Line {progress.line}: {_counts(progress)}")
            rate = progress.rows / (time.monotonic() - began or 1)
            counts = f"{_counts(progress)}, {rate:,.0f} rows/s"
            bar.update(task, total=size, completed=progress.offset, counts=counts)

        yield on_batch


def _bar(*, quiet: bool) -> "Bar":
    """One line on stderr, and none where stderr is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    )


def _operator(name: str = "") -> actor.Actor:
    """By default whoever is at the keyboard."""
    try:
        return actor.operator(name or getpass.getuser())
    except (KeyError, OSError):
        return actor.operator(f"uid {os.getuid()}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def _fail(code: int, text: str) -> NoReturn:
    _say(text)
    raise typer.Exit(code)
