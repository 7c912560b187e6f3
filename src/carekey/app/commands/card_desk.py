"""What the commands of `carekey card` share: the reader and the desk, and what is recorded and said of a refusal."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from carekey.app.commands.card_reader import Reader, Shown, reader
from carekey.app.terminal import CommandError, Exit, run, say, this_operator
from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.events import AtTheDeskRefused
from carekey.authenticators.smartcard.hidden_key import Kind
from carekey.authenticators.smartcard.model import Card
from carekey.storage.store import Tx

if TYPE_CHECKING:
    from carekey.app.wiring import Installation
    from carekey.authenticators.smartcard.issuing import Desk

T = TypeVar("T")


def the_reader(running: "Installation", given: str | None) -> Reader:
    authority = running.settings.card_authority
    found = given or authority.module
    if found is None:
        raise CommandError("Say which PKCS#11 module the reader has: --module or card_authority.module.", Exit.USAGE)
    besides = authority.token_serial if found == authority.token_module else None
    return reader(found, Kind(authority.card_keys), besides=besides)


def the_desk(running: "Installation") -> "Desk[Tx]":
    from carekey.app import card_authority

    try:
        return card_authority.desk(running, by=this_operator())
    except CardError as error:
        raise CommandError(str(error), Exit.NOT_FOUND) from None


@dataclass(slots=True)
class About:
    """Whose card an action is about, as far as it is known."""

    serial: str = ""
    person: str = ""


@asynccontextmanager
async def recorded(
    running: "Installation", action: str, *, serial: str = "", person: str = ""
) -> "AsyncIterator[About]":
    """A refusal is on the audit record, whoever or whatever refused. That a command was used wrongly is none."""
    about = About(serial, person)
    try:
        yield about
    except (CardError, CommandError) as error:
        if isinstance(error, CommandError) and error.code not in {Exit.NOT_ALLOWED, Exit.NOT_FOUND}:
            raise
        event = AtTheDeskRefused(
            at=running.clock.now(),
            actor=this_operator(),
            action=action,
            serial=about.serial,
            person=about.person,
            why=str(error),
        )
        await running.store.write(lambda tx: tx.audit.record(event))
        raise


async def publish(running: "Installation") -> None:
    """What was done is done: a list that cannot be signed now is signed by the service as soon as it can be."""
    from carekey.app.asgi import publish_lists

    try:
        await publish_lists(running)
    except OSError as error:
        say(f"The revocation list could not be signed ({error.strerror}). The service signs it as soon as it can.")


async def find(running: "Installation", serial: str) -> Card:
    found = await running.store.read(lambda tx: tx.cards.find_serial(serial))
    if found is None:
        raise CommandError(f"There is no card {serial} in the directory.", Exit.NOT_FOUND)
    return found


async def in_reader(running: "Installation", shown: Shown) -> Card:
    """A card of another PKI is in the directory since its first use, by its certificate. Raises: CommandError."""
    from carekey.authenticators.smartcard.ceremony import known_by

    def look(tx: Tx) -> Card | None:
        serials = (shown.serial, *map(known_by, shown.certificates))
        return next((found for serial in serials if (found := tx.cards.find_serial(serial))), None)

    known = await running.store.read(look)
    if known is None:
        raise CommandError(
            f"The card in the reader ({shown.serial or 'no number'}) is not in the directory.", Exit.NOT_FOUND
        )
    return known


def progress(step: str, what: str) -> None:
    say(f"{step}: {what}")


def explained(work: Callable[[], Coroutine[Any, Any, T]], *, again: bool = False) -> T:
    """`again`: what was interrupted goes on when the command is run again."""
    try:
        return run(work())
    except CardError as error:
        raise CommandError(str(error), Exit.NOT_ALLOWED) from None
    except KeyboardInterrupt:
        if again:
            say("Interrupted: run the same command again, and it goes on where it stopped.")
        raise
