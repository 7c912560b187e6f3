"""`carekey workstation`: the computers whose companion tells of smartcards."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import typer

from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.terminal import CommandError, Exit, put, put_json, put_table, run, say, this_operator
from carekey.kernel.actor import Actor
from carekey.storage.store import Tx
from carekey.workstations import enrolling
from carekey.workstations.enrolling import NotEnrolled
from carekey.workstations.model import Workstation, WorkstationId

commands = typer.Typer(help="Workstations that tell when a smartcard leaves the reader.", no_args_is_help=True)


@commands.command()
def enrol(
    name: Annotated[str, typer.Argument(help='What people call it, such as "Ward 7, bay 2".')],
    key: Annotated[str, typer.Argument(help="What `carekey_agent.py key` prints there.")],
    config: Config = None,
) -> None:
    """Believe the companion of a workstation from now on. Prints the workstation's id.

    Examples: `carekey workstation enrol "Ward 7, bay 2" 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo`
    """
    made = _do(config, lambda tx, by, now: enrolling.enrol(tx, name, enrolling.key_of(key), by=by, now=now))
    put(made.id)


@commands.command("list")
def list_workstations(config: Config = None, *, json: Json = False) -> None:
    """List the workstations, when each was heard last, and which cards are in its readers.

    Examples: `carekey workstation list`, `carekey workstation list --json`
    """

    def found(tx: Tx) -> list[dict[str, Any]]:
        return [
            {
                "id": one.id,
                "name": one.name,
                "state": "revoked" if one.revoked_at else "enrolled",
                "enrolled": one.enrolled_at.isoformat(timespec="seconds"),
                "heard": None if one.heard_at == enrolling.NEVER else one.heard_at.isoformat(timespec="seconds"),
                "cards": [place.card for place in tx.card_places.at(one.id)],
            }
            for one in tx.workstations.list()
        ]

    async def work() -> list[dict[str, Any]]:
        async with opened(config) as running:
            return await running.store.read(found)

    rows = run(work())
    if json:
        put_json(rows)
        return
    put_table(
        ["Workstation", "Name", "State", "Enrolled", "Heard last", "Cards"],
        [[*(str(row[name] or "never") for name in list(row)[:-1]), ", ".join(row["cards"])] for row in rows],
    )


@commands.command()
def revoke(
    id: Annotated[str, typer.Argument(metavar="WORKSTATION", help="One of `carekey workstation list`.")],
    config: Config = None,
) -> None:
    """Believe a workstation's companion no more. Put -- before an id that begins with a hyphen.

    Examples: `carekey workstation revoke -- hVb0kq0a8m1Yw6u2gE3tq0`
    """
    gone = _do(config, lambda tx, by, now: enrolling.revoke(tx, WorkstationId(id), by=by, now=now))
    say(f"{gone.name} is believed no more.")


def _do(config: Any, deed: Callable[[Tx, Actor, datetime], Workstation]) -> Workstation:
    async def work() -> Workstation:
        async with opened(config) as running:
            by, now = this_operator(), running.clock.now()
            return await running.store.write(lambda tx: deed(tx, by, now))

    try:
        return run(work())
    except NotEnrolled as error:
        raise CommandError(str(error), Exit.NOT_ALLOWED) from None
