"""`carekey confirmation`."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.terminal import CommandError, Exit, put, put_json, run, say, this_operator
from carekey.authenticators.confirming import Answer, CannotAsk, Standing, Wanted
from carekey.kernel.entropy import token
from carekey.kernel.ids import ConfirmationId, PersonId

if TYPE_CHECKING:
    from carekey.app.wiring import Installation

commands = typer.Typer(help="Texts that people are asked to confirm on their phone.", no_args_is_help=True)

_LOOK_EVERY = 1.0
"""Seconds."""
_WHY = {
    CannotAsk.PERSON: ("Nobody who may log in has this user ID: see `carekey person show`.", Exit.NOT_FOUND),
    CannotAsk.NO_DEVICE: (
        "They have no phone or tablet that can show a text: `carekey person enrol-link` adds one.",
        Exit.CONFLICT,
    ),
    CannotAsk.TEXT: ("The text must be 1 to 200 printable ASCII characters: phones show no others.", Exit.USAGE),
    CannotAsk.TOO_MANY: (
        "As much as anybody can read with care waits for them already. Try again later.",
        Exit.CONFLICT,
    ),
}


@commands.command()
def ask(
    person: Annotated[str, typer.Argument(metavar="USER_ID", help="The person's 12 digits.")],
    text: Annotated[str, typer.Argument(help="What is to be confirmed, in at most 200 ASCII characters.")],
    config: Config = None,
    *,
    application: Annotated[str, typer.Option(help="Who asks, as the person knows it.")] = "CareKey",
    minutes: Annotated[int, typer.Option(help="How long it waits.", min=1, max=60)] = 5,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the answer.")] = False,
    json: Json = False,
) -> None:
    """Ask a person to confirm a text on their phone. With --wait the exit code is 0 only if they confirm it.

    Examples: `carekey confirmation ask 555000000102 "Prescribe amoxicillin 500 mg" --application "Ward 7" --wait`
    """

    async def work() -> tuple[ConfirmationId, str, Standing]:
        async with opened(config) as running:
            id, now = ConfirmationId(token(running.entropy, size=16)), running.clock.now()
            wanted = Wanted(
                person=PersonId(person),
                text=text,
                application=application,
                until=now + timedelta(minutes=minutes),
                by=this_operator(),
            )
            why = await running.store.write(lambda tx: running.confirming.ask(tx, wanted, id=id, now=now))
            if why is not None:
                raise CommandError(*_WHY[why])
            address = f"{running.settings.origin()}/confirmation/{id}"
            if not wait:
                return id, address, Standing.PENDING
            say(f"Waiting for the answer. The person opens CareKey Phone; {address} shows how it goes on.")
            return id, address, await _answer(running, id)

    id, address, standing = run(work())
    if json:
        put_json({"id": id, "page": address, "standing": standing})
    else:
        put(f"{standing}  {id}")
        if not wait:
            say(f"How it goes on: {address}")
    if wait and standing is not Standing.CONFIRMED:
        raise typer.Exit(Exit.NOT_ALLOWED)
    if wait and not json:
        say(f"The evidence: `carekey evidence export {id}`.")


async def _answer(running: "Installation", id: ConfirmationId) -> Standing:
    def look(answer: Answer | None) -> Standing:
        return Standing.EXPIRED if answer is None else answer.standing

    while True:
        now = running.clock.now()
        standing = look(await running.store.read(lambda tx, at=now: running.confirming.look(tx, id, now=at)))  # type: ignore[misc]
        if standing is not Standing.PENDING:
            return standing
        await asyncio.sleep(_LOOK_EVERY)
