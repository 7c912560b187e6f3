"""`carekey metadata`."""

from typing import TYPE_CHECKING, Any

import typer

from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.terminal import CommandError, put, put_json, put_table, run

if TYPE_CHECKING:
    from carekey.app.wiring import Installation

commands = typer.Typer(help="What FIDO metadata services say of models.", no_args_is_help=True)


@commands.command()
def show(config: Config = None, *, json: Json = False) -> None:
    """Show the BLOBs that are in use: number, when the next was due, models, entries that could not be read.

    Examples: `carekey metadata show`, `carekey metadata show --json`
    """

    async def work() -> list[dict[str, Any]]:
        async with opened(config) as running:
            return _in_use(running)

    _put(run(work()), json=json)


@commands.command()
def refresh(config: Config = None, *, json: Json = False) -> None:
    """Fetch the BLOBs now, keep what is newer, and show what is in use. Running nodes take it up within half a minute.

    Examples: `carekey metadata refresh`, `carekey metadata refresh --config carekey.toml`
    """

    async def work() -> list[dict[str, Any]]:
        async with opened(config) as running:
            failed = await running.metadata.refresh(now_due=True)
            if failed:
                raise CommandError(" ".join(f"{name}: {why}." for name, why in failed.items()))
            return _in_use(running)

    _put(run(work()), json=json)


def _in_use(running: "Installation") -> list[dict[str, Any]]:
    return [
        {
            "source": feed.name,
            "number": feed.number,
            "next_update": (known.next_update.isoformat() if known.next_update else None) if known else None,
            "models": known.models if known else 0,
            "skipped": known.skipped if known else 0,
        }
        for feed in running.metadata.feeds
        for known in [feed.reading]
    ]


def _put(rows: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        put_json(rows)
    elif rows:
        put_table(rows[0], [["" if cell is None else str(cell) for cell in row.values()] for row in rows])
    else:
        put("No FIDO metadata: set webauthn.metadata or uaf.metadata.")
