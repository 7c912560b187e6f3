"""`carekey card`: smartcards of our own authority."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from carekey.app.commands.card_desk import explained, find, in_reader, progress, publish, recorded, the_desk, the_reader
from carekey.app.commands.card_reader import PIV, secret
from carekey.app.commands.card_reader import reader as reader_of
from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.settings import is_loopback
from carekey.app.terminal import CommandError, Exit, put, put_json, put_pairs, read_settings, run, say, this_operator
from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.choosing import Wanted
from carekey.authenticators.smartcard.hidden_key import Kind
from carekey.authenticators.smartcard.model import Card, CardState, WhyCancelled
from carekey.authenticators.smartcard.standing import standing
from carekey.kernel.ids import CredentialId, PersonId
from carekey.sessions.ending import end_all
from carekey.sessions.events import WhyEnded
from carekey.storage.store import Tx

commands = typer.Typer(help="Smartcards of this installation's own authority.", no_args_is_help=True)

Serial = Annotated[str, typer.Argument(metavar="CARD", help="The card's serial number.")]
Which = Annotated[str | None, typer.Option("--card", help="The serial number, if several cards are in readers.")]
In = Annotated[str | None, typer.Option("--reader", help="The reader's name, or a part of it, if there are several.")]
Module = Annotated[
    str | None,
    typer.Option(help="The reader's PKCS#11 module, or `piv` for PIV cards. By default that of card_authority.module."),
]
_CODE = "CAREKEY_CARD_CODE"


@commands.command()
def new_authority(
    config: Config = None,
    *,
    organisation: Annotated[str, typer.Option(help="The name in the authority's certificates.")],
) -> None:
    """Make the authority: a root, and below it the one that signs cards. Prints their certificates' files.

    Examples: `carekey card new-authority --organisation "Ward 7 laboratory"`
    """
    from carekey.app import card_authority

    async def work() -> None:
        async with opened(config) as running:
            try:
                made = card_authority.create(
                    running.settings,
                    running.sealing,
                    organisation=organisation,
                    clock=running.clock,
                    entropy=running.entropy,
                )
            except FileExistsError:
                where = card_authority.folder(running.settings)
                raise CommandError(
                    f"There is something in {where}, or on the token: an authority is not replaced. One that was not "
                    "finished has no cards.pem: remove its files, and its keys from the token, and repeat.",
                    Exit.CONFLICT,
                ) from None
            except OSError as error:
                raise CommandError(f"The authority was not made: {error.filename}: {error.strerror}.") from None
            for file in made:
                put(str(file))

    run(work())
    say("Keep a copy of the folder and of the master key in a safe place, and start the service again.")


@commands.command()
def issue(
    person: Annotated[str, typer.Argument(metavar="USER_ID", help="The person's 12 digits.")],
    config: Config = None,
    *,
    card: Which = None,
    reader: In = None,
    module: Module = None,
    locked: Annotated[bool, typer.Option("--locked", help="The holder unlocks it on receipt.")] = False,
) -> None:
    """Make the card in the reader this person's. Interrupted, it goes on where it stopped when it is run again.

    The PIN is asked for, or taken from CAREKEY_CARD_PIN; a PIV card's management key too, or from
    CAREKEY_CARD_MANAGEMENT_KEY.

    Examples: `carekey card issue 555000000102`, `carekey card issue 555000000102 --locked`
    """
    from carekey.authenticators.smartcard.authority import registration

    async def work() -> Card:
        async with opened(config) as running, recorded(running, "issue", person=person) as about:
            at, desk = the_reader(running, module), the_desk(running)
            await running.store.read(lambda tx: registration.check_holder(tx, PersonId(person)))
            shown = at.shown(Wanted(card=card, reader=reader))
            about.serial = shown.serial
            with at.opened(shown, issue=True) as blank:
                about.serial = blank.serial
                made = await desk.issue(
                    blank, serial=blank.serial, person=PersonId(person), locked=locked, progress=progress
                )
            await publish(running)  # the first card of an authority needs its first lists
            return made

    made = explained(work, again=True)
    put(made.serial)
    say(f"The card is {made.state.value}, and {person}'s.")


@commands.command()
def renew(
    config: Config = None,
    *,
    card: Which = None,
    reader: In = None,
    module: Module = None,
    seen: Annotated[
        bool, typer.Option("--seen", help="You have checked the person's identity: renew at any time.")
    ] = False,
    service: Annotated[str | None, typer.Option(help="Origin of the service, to renew your own card there.")] = None,
    trust: Annotated[
        Path | None, typer.Option(help="PEM file with the authority of the service's certificate.")
    ] = None,
) -> None:
    """Put new keys and certificates on the card in the reader, from 90 days before its end.

    PIN and management key are asked for as by `issue`. With --service anybody renews their own card, with the code that
    they got by logging in with it; it is asked for, or taken from CAREKEY_CARD_CODE.

    Examples: `carekey card renew`, `carekey card renew --seen`, `carekey card renew --service https://login.example.org`
    """
    if service is not None:
        own = Wanted(card=card, reader=reader)
        explained(lambda: _renew_own(service, config, module, own, trust), again=True)
        say("Your card is renewed.")
        return

    async def work() -> Card:
        async with opened(config) as running, recorded(running, "renew") as about:
            at, desk = the_reader(running, module), the_desk(running)
            shown = at.shown(Wanted(card=card, reader=reader))
            about.serial = shown.serial
            with at.opened(shown) as held:
                return await desk.renew(held, serial=held.serial, late=seen, progress=progress)

    done = explained(work, again=True)
    say(f"The card {done.serial} is renewed. It is {done.person}'s.")


async def _renew_own(service: str, config: Config, module: str | None, wanted: Wanted, trust: Path | None) -> None:
    import ssl

    import httpx2

    from carekey.authenticators.smartcard import renewing
    from carekey.authenticators.smartcard.renewal_client import RemoteCounter

    if not service.startswith("https://") and not is_loopback(urlsplit(service).hostname or ""):
        raise CommandError("--service has to be an https address: anybody could listen otherwise.", Exit.USAGE)
    authority = read_settings(config).card_authority
    found = module or authority.module
    if found is None:
        raise CommandError("Say which PKCS#11 module the reader has: --module.", Exit.USAGE)
    if found == PIV:
        raise CommandError(
            "A PIV card is renewed where it was issued: writing on it needs its management key.", Exit.NOT_ALLOWED
        )
    at = reader_of(found, Kind(authority.card_keys))
    shown, code = at.shown(wanted), secret(_CODE, "Renewal code")
    context = ssl.create_default_context(cafile=trust)
    async with httpx2.AsyncClient(verify=context, timeout=30) as client:
        with at.opened(shown) as held:
            await renewing.renew(held, RemoteCounter(service, code, held, client), progress)


@commands.command()
def unlock(config: Config = None, *, card: Which = None, reader: In = None, module: Module = None) -> None:
    """Give the card in the reader a new PIN. A card that was issued locked becomes active.

    The security officer's PIN (a PIV card's PUK) and the new one are asked for, or taken from CAREKEY_CARD_OFFICER_PIN
    and CAREKEY_CARD_NEW_PIN.

    Examples: `carekey card unlock`
    """
    from carekey.authenticators.smartcard.authority import registration

    async def work() -> Card:
        async with opened(config) as running, recorded(running, "unlock") as about:
            at = the_reader(running, module)
            shown = at.shown(Wanted(card=card, reader=reader))
            about.serial = shown.serial
            known = await in_reader(running, shown)
            about.serial, about.person = known.serial, known.person
            if known.state not in {CardState.LOCKED, CardState.ACTIVE}:
                raise CardError(f"The card {known.serial} is {known.state.value}.")
            key, new = at.unlocking()
            await running.store.write(
                lambda tx: registration.set_out_to_unlock(tx, known, by=this_operator(), now=running.clock.now())
            )
            at.unlock(shown, key, new)
            return await running.store.write(
                lambda tx: registration.unlocked(tx, known, by=this_operator(), now=running.clock.now())
            )

    say(f"The card {explained(work, again=True).serial} has its new PIN.")


@commands.command()
def cancel(
    serial: Serial,
    config: Config = None,
    *,
    why: Annotated[WhyCancelled, typer.Option(help="The reason, for the record.")],
) -> None:
    """Cancel a card for ever: its sessions end, and it goes on the revocation list. No reader is needed.

    Examples: `carekey card cancel 0a1b2c3d --why lost`
    """
    from carekey.authenticators.smartcard.authority import registration

    async def work() -> Card:
        async with opened(config) as running, recorded(running, "cancel", serial=serial) as about:
            known, now = await find(running, serial), running.clock.now()
            about.person = known.person
            await running.store.write(
                lambda tx: registration.cancel(
                    tx,
                    known,
                    why,
                    end_sessions=lambda tx, card: _end_sessions(tx, card, now),
                    by=this_operator(),
                    now=now,
                )
            )
            await publish(running)
            return known

    say(f"The card {explained(work).serial} is cancelled.")


@commands.command()
def suspend(
    serial: Serial, config: Config = None, *, why: Annotated[str, typer.Option(help="The reason, for the record.")]
) -> None:
    """Suspend a card until it is resumed: it logs nobody in, and its sessions end. No reader is needed.

    Examples: `carekey card suspend 0a1b2c3d --why "left at home"`
    """
    say(f"The card {_move(config, serial, CardState.SUSPENDED, why).serial} is suspended.")


@commands.command()
def resume(
    serial: Serial, config: Config = None, *, why: Annotated[str, typer.Option(help="The reason, for the record.")]
) -> None:
    """Take a suspended card up again. No reader is needed.

    Examples: `carekey card resume 0a1b2c3d --why "found again"`
    """
    say(f"The card {_move(config, serial, CardState.ACTIVE, why, was=CardState.SUSPENDED).serial} is active again.")


def _move(config: Config, serial: str, to: CardState, why: str, *, was: CardState | None = None) -> Card:
    from carekey.authenticators.smartcard.authority import registration

    action = "suspend" if to is CardState.SUSPENDED else "resume"

    async def work() -> Card:
        async with opened(config) as running, recorded(running, action, serial=serial) as about:
            known, now = await find(running, serial), running.clock.now()
            about.person = known.person
            if was is not None and known.state is not was:
                raise CardError(f"The card {serial} is {known.state.value}.")

            def move(tx: Tx) -> Card:
                moved = registration.move(tx, known, to=to, why=why, by=this_operator(), now=now)
                if to is CardState.SUSPENDED:
                    _end_sessions(tx, moved, now)
                return moved

            return await running.store.write(move)

    return explained(work)


def _end_sessions(tx: Tx, card: Card, now: datetime) -> int:
    """Those that began with it."""
    return end_all(
        tx,
        card.person,
        WhyEnded.WAY_REMOVED,
        now=now,
        by=this_operator(),
        which=lambda session: session.proof.credential == CredentialId(card.id),
    )


@commands.command()
def virtual(
    person: Annotated[str, typer.Argument(metavar="USER_ID", help="The person's 12 digits.")], config: Config = None
) -> None:
    """Make a virtual card for a person, which the service holds itself. For sandboxes; never in production.

    Examples: `carekey card virtual 555000000102`
    """
    from carekey.app.smartcards import wallet

    async def work() -> Card:
        async with opened(config) as running:
            if not running.settings.virtual_cards():
                raise CommandError(
                    "Virtual cards are for sandboxes with smartcards: set smartcards.url and smartcards.virtual.",
                    Exit.NOT_ALLOWED,
                )
            card = wallet(running.settings).blank(PersonId(person), running.entropy)
            made = await the_desk(running).issue(
                card, serial=card.serial, person=PersonId(person), locked=False, progress=progress
            )
            await publish(running)
            return made

    put(explained(work).serial)


@commands.command()
def status(serial: Serial, config: Config = None, *, json: Json = False) -> None:
    """Show what the directory knows of a card.

    Examples: `carekey card status 0a1b2c3d`, `carekey card status 0a1b2c3d --json`
    """

    async def work() -> dict[str, Any]:
        async with opened(config) as running:
            known = await find(running, serial)
            certificates = await running.store.read(lambda tx: tx.cards.certificates(known.id))
            return {
                "serial": known.serial,
                "person": known.person,
                "state": standing(known, certificates, now=running.clock.now()),
                "changed": known.changed_at.isoformat(timespec="seconds"),
                "why_cancelled": known.why_cancelled and known.why_cancelled.value,
                "certificates": [
                    {
                        "purpose": one.purpose.value,
                        "serial": f"{one.serial:x}",
                        "ends": one.ends_at.isoformat(timespec="seconds"),
                        "revoked": one.revoked_at and one.revoked_at.isoformat(timespec="seconds"),
                        "superseded": one.superseded_at and one.superseded_at.isoformat(timespec="seconds"),
                    }
                    for one in certificates
                ],
            }

    found = run(work())
    if json:
        put_json(found)
    else:
        put_pairs(found)
