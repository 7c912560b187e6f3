"""`carekey person`."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.terminal import CommandError, Exit, put, put_json, put_pairs, run, say, this_operator
from carekey.authenticators.base import Credential
from carekey.authenticators.enrolment.invitation import NoSuchPersonError, invite
from carekey.authenticators.smartcard.standing import standing
from carekey.authenticators.user_code import keeping as user_codes
from carekey.directory.model import PersonStatus
from carekey.kernel.actor import Actor
from carekey.kernel.entropy import token
from carekey.kernel.ids import ClientId, CredentialId, IssuerName, PersonId, RoleProfileId
from carekey.kernel.secret import Secret
from carekey.login.consent import in_force, withdraw
from carekey.registration.standing import NoSuchPerson, NoSuchRole, NoSuchWay, set_status
from carekey.registration.standing import remove_way as remove
from carekey.registration.standing import take_role as take
from carekey.storage.store import Tx

if TYPE_CHECKING:
    from carekey.app.wiring import Installation

T = TypeVar("T")

commands = typer.Typer(help="One person and their ways to log in.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="USER_ID", help="The person's 12 digits.")]


@commands.command()
def enrol_link(
    id: Id,
    config: Config = None,
    *,
    hours: Annotated[int, typer.Option(help="How long the link works.", min=1, max=24 * 14)] = 24,
    json: Json = False,
) -> None:
    """Make a one-time link with which the person adds a passkey or security key. It is shown once.

    Examples: `carekey person enrol-link 555000000102`, `carekey person enrol-link 555000000102 --hours 2 --json`
    """

    async def work() -> dict[str, str]:
        async with opened(config) as running:
            secret, now = Secret(token(running.entropy)), running.clock.now()
            try:
                made = await running.store.write(
                    lambda tx: invite(
                        tx,
                        PersonId(id),
                        token=secret,
                        by=this_operator(),
                        now=now,
                        lifetime=timedelta(hours=hours),
                    )
                )
            except NoSuchPersonError:
                raise CommandError(
                    f"Nobody who may log in has the user ID {id}: see `carekey person show`.", Exit.NOT_FOUND
                ) from None
            return {
                "person": id,
                "link": f"{running.settings.origin()}/register/{secret.reveal()}",
                "expires": made.expires_at.isoformat(timespec="seconds"),
            }

    made = run(work())
    if json:
        put_json(made)
        return
    put(made["link"])
    say(f"It works once, until {made['expires']}. Give it to nobody but the person.")


@commands.command()
def show(id: Id, config: Config = None, *, json: Json = False) -> None:
    """Show a person, their roles in force and their ways to log in.

    Examples: `carekey person show 555000000102`, `carekey person show 555000000102 --json`
    """

    async def work() -> dict[str, object]:
        async with opened(config) as running:
            now = running.clock.now()
            person = await running.store.read(lambda tx: tx.people.find(PersonId(id)))
            if person is None:
                raise CommandError(f"Nobody has the user ID {id}.", Exit.NOT_FOUND)
            roles = await running.store.read(lambda tx: tx.roles.held_by(person.id, at=now))
            ways = await running.store.read(lambda tx: tx.credentials.held_by(person.id))
            code = await running.store.read(lambda tx: tx.user_codes.find(person.id))
            cards = await running.store.read(
                lambda tx: [(one, tx.cards.certificates(one.id)) for one in tx.cards.held_by(person.id)]
            )
            return {
                "id": person.id,
                "name": person.name,
                "status": person.status.value,
                "identity_assurance_level": int(person.ial),
                "roles": [{"id": one.id, "organisation": one.organisation, "title": one.role.title} for one in roles],
                "ways_to_log_in": [
                    {"id": one.id, "kind": one.kind, "label": one.label, "added": one.created_at.isoformat()}
                    | _described(running, one)
                    for one in ways
                ],
                "smartcards": [
                    {"serial": card.serial, "state": standing(card, certificates, now=now)}
                    for card, certificates in cards
                ],
                "user_code_chosen": code.chosen_at.isoformat() if code else None,
            }

    found = run(work())
    if json:
        put_json(found)
    else:
        put_pairs(found)


def _described(running: "Installation", way: Credential) -> dict[str, object]:
    """What it is worth now. A way of which the metadata say ill gives no level, and says why."""
    kind = next((one for one in running.authenticators if one.kind == way.kind), None)
    if kind is None:
        return {}
    found = kind.describe(way)
    return {"level": int(found.aal) if found.aal else None, "facts": list(found.facts)}


@commands.command()
def suspend(id: Id, config: Config = None) -> None:
    """Keep a person from logging in for the time being, and end their sessions.

    Examples: `carekey person suspend 555000000102`
    """
    _set_status(id, PersonStatus.SUSPENDED, config)


@commands.command()
def close(id: Id, config: Config = None) -> None:
    """Close a person's account, and end their sessions.

    Examples: `carekey person close 555000000102`
    """
    _set_status(id, PersonStatus.CLOSED, config)


@commands.command()
def reopen(id: Id, config: Config = None) -> None:
    """Let a person who was suspended or closed log in again.

    Examples: `carekey person reopen 555000000102`
    """
    _set_status(id, PersonStatus.ACTIVE, config)


@commands.command()
def remove_way(
    id: Id,
    way: Annotated[str, typer.Argument(metavar="WAY_ID", help="Of one of `carekey person show`.")],
    config: Config = None,
) -> None:
    """Take away one of a person's ways to log in, for good, and end the sessions that rest on it.

    Examples: `carekey person remove-way 555000000102 4f1c0a`
    """
    ended = run(_decide(config, id, lambda tx, by, now: remove(tx, PersonId(id), CredentialId(way), by=by, now=now)))
    say(f"It no longer works. {_ended(ended)}")


@commands.command()
def take_role(
    id: Id,
    role: Annotated[str, typer.Argument(metavar="ROLE_ID", help="Of one of `carekey person show`.")],
    config: Config = None,
) -> None:
    """End one of a person's roles now, and end their sessions: applications were told of it.

    Examples: `carekey person take-role 555000000102 555000000302`
    """
    ended = run(_decide(config, id, lambda tx, by, now: take(tx, PersonId(id), RoleProfileId(role), by=by, now=now)))
    say(f"The role has ended. {_ended(ended)}")


@commands.command()
def shared(id: Id, config: Config = None, *, json: Json = False) -> None:
    """List the third parties that a person agreed to share information with, and what they agreed to.

    Examples: `carekey person shared 555000000102`, `carekey person shared 555000000102 --json`
    """

    async def work() -> list[dict[str, object]]:
        async with opened(config) as running:
            now = running.clock.now()
            found = await running.store.read(lambda tx: in_force(tx, PersonId(id), now=now))
            return [
                {
                    "issuer": one.issuer,
                    "client": one.client,
                    "sees": list(one.items),
                    "since": one.given_at.isoformat(timespec="seconds"),
                    "until": one.expires_at.isoformat(timespec="seconds"),
                }
                for one in found
            ]

    found = run(work())
    if json:
        put_json(found)
        return
    for one in found:
        put_pairs(one)
    if not found:
        say(f"{id} shares nothing with third parties.")


@commands.command()
def stop_sharing(
    id: Id,
    issuer: Annotated[str, typer.Argument(metavar="ISSUER", help="Of one of `carekey person shared`.")],
    client: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="Of one of `carekey person shared`.")],
    config: Config = None,
) -> None:
    """Withdraw what a person agreed to share. The third party's lasting access ends at its next refresh.

    Examples: `carekey person stop-sharing 555000000102 healthcare rota-app`
    """
    withdrawn = run(
        _decide(
            config,
            id,
            lambda tx, by, now: withdraw(tx, PersonId(id), IssuerName(issuer), ClientId(client), by=by, now=now),
        )
    )
    if not withdrawn:
        raise CommandError(f"{id} shares nothing with {client}: see `carekey person shared`.", Exit.NOT_FOUND)
    say(f"{client} is asked about again at the next log-in, and keeps no lasting access.")


@commands.command()
def remove_user_code(id: Id, config: Config = None) -> None:
    """Take away the user code that applications need to ask for a person. The person can choose another.

    Examples: `carekey person remove-user-code 555000000002`
    """
    removed = run(_decide(config, id, lambda tx, by, now: user_codes.remove(tx, PersonId(id), by=by, now=now)))
    if not removed:
        raise CommandError(f"{id} has no user code: see `carekey person show`.", Exit.NOT_FOUND)
    say("Applications that need it can no longer ask for this person. They choose another at /account/user-code.")


def _set_status(id: str, status: PersonStatus, config: Path | None) -> None:
    changed = run(_decide(config, id, lambda tx, by, now: set_status(tx, PersonId(id), status, by=by, now=now)))
    was = f"{id} was {changed.was.value} already." if changed.was is status else f"{id} is {status.value} now."
    say(was if status is PersonStatus.ACTIVE else f"{was} {_ended(changed.sessions_ended)}")


async def _decide(config: Path | None, id: str, decide: Callable[[Tx, Actor, datetime], T]) -> T:
    """Raises: CommandError."""
    async with opened(config) as running:
        now, by = running.clock.now(), this_operator()
        try:
            return await running.store.write(lambda tx: decide(tx, by, now))
        except NoSuchPerson:
            raise CommandError(f"Nobody has the user ID {id}.", Exit.NOT_FOUND) from None
        except NoSuchWay:
            raise CommandError(f"{id} has no such way to log in: see `carekey person show`.", Exit.NOT_FOUND) from None
        except NoSuchRole:
            raise CommandError(f"{id} holds no such role: see `carekey person show`.", Exit.NOT_FOUND) from None


def _ended(count: int) -> str:
    return f"Sessions ended: {count}." + (" Their applications are told by the running service." if count else "")
