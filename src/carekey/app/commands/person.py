"""`carekey person`."""

from datetime import timedelta
from typing import Annotated

import typer

from carekey.app.commands.opening import opened
from carekey.app.terminal import CommandError, Config, Exit, Json, put, put_json, put_pairs, run, say, this_operator
from carekey.authenticators.enrolment.invitation import NoSuchPersonError, invite
from carekey.authenticators.removal import remove
from carekey.kernel.entropy import token
from carekey.kernel.ids import CredentialId, PersonId
from carekey.kernel.secret import Secret

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

    Examples: `carekey person enrol-link 555000000002`, `carekey person enrol-link 555000000002 --hours 2 --json`
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
def remove_way(
    id: Id,
    config: Config = None,
    *,
    way: Annotated[str, typer.Option(metavar="WAY_ID", help="As `carekey person show` lists it.")],
    json: Json = False,
) -> None:
    """Take a way to log in from a person: a lost phone, a stolen key.

    Examples: `carekey person remove-way 555000000002 --way Zk3…`, the same with `--json`
    """

    async def work() -> dict[str, str]:
        async with opened(config) as running:
            now = running.clock.now()
            removed = await running.store.write(
                lambda tx: remove(tx, PersonId(id), CredentialId(way), by=this_operator(), now=now)
            )
            if removed is None:
                raise CommandError(
                    f"The person {id} has no way to log in {way}: see `carekey person show`.", Exit.NOT_FOUND
                )
            return {"person": id, "removed": removed.id, "kind": removed.kind, "label": removed.label}

    done = run(work())
    if json:
        put_json(done)
    else:
        say(f"Removed: {done['label']} ({done['kind']}).")


@commands.command()
def show(id: Id, config: Config = None, *, json: Json = False) -> None:
    """Show a person, their roles in force and their ways to log in.

    Examples: `carekey person show 555000000002`, `carekey person show 555000000002 --json`
    """

    async def work() -> dict[str, object]:
        async with opened(config) as running:
            now = running.clock.now()
            person = await running.store.read(lambda tx: tx.people.find(PersonId(id)))
            if person is None:
                raise CommandError(f"Nobody has the user ID {id}.", Exit.NOT_FOUND)
            roles = await running.store.read(lambda tx: tx.roles.held_by(person.id, at=now))
            ways = await running.store.read(lambda tx: tx.credentials.held_by(person.id))
            return {
                "id": person.id,
                "name": person.name,
                "status": person.status.value,
                "identity_assurance_level": int(person.ial),
                "roles": [{"id": one.id, "organisation": one.organisation, "title": one.role.title} for one in roles],
                "ways_to_log_in": [
                    {"id": one.id, "kind": one.kind, "label": one.label, "added": one.created_at.isoformat()}
                    for one in ways
                ],
            }

    found = run(work())
    if json:
        put_json(found)
    else:
        put_pairs(found)
