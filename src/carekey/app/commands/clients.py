"""`carekey clients`."""

import json as json_text
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carekey.app.commands import initial_access
from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.settings import SettingsError, Team, teams
from carekey.app.terminal import CommandError, Exit, put_json, put_pairs, put_table, run, say, this_operator
from carekey.kernel.entropy import SystemEntropy, token
from carekey.kernel.ids import ClientId, IssuerName
from carekey.kernel.secret import digest
from carekey.oidc.clients import sector_identifier, standing
from carekey.oidc.clients.metadata import InvalidMetadata, describe, parse
from carekey.oidc.clients.register import create_client
from carekey.oidc.fetch import Fetcher
from carekey.oidc.model import Client, Issuer

if TYPE_CHECKING:
    from carekey.app.wiring import Installation

commands = typer.Typer(help="Applications that may use an issuer.", no_args_is_help=True)

commands.add_typer(initial_access.commands, name="initial-access")

IssuerOption = Annotated[str | None, typer.Option("--issuer", help="The issuer's short name; the first if left out.")]


@commands.command()
def create(
    config: Config = None,
    *,
    from_file: Annotated[
        str, typer.Option("--from", help="JSON file with the members of OpenID Connect Registration; - for stdin.")
    ],
    issuer: IssuerOption = None,
    json: Json = False,
) -> None:
    """Register an application. A secret, if there is one, is shown once.

    Examples: `carekey clients create --from metadata.json`,
    `carekey clients create --issuer sandbox --from - --json < metadata.json`
    """
    metadata = _read(from_file)

    async def work() -> dict[str, Any]:
        async with opened(config) as running:
            at = _issuer(running, issuer)
            parse(metadata, id=ClientId(""), issuer=at, now=running.clock.now(), by_operator=True)
            fetch = Fetcher(private=at.private_fetches).get
            await sector_identifier.check(metadata, fetch)
            created = await create_client(
                running.store,
                metadata,
                issuer=at,
                sealing=running.sealing,
                entropy=running.entropy,
                by=this_operator(),
                now=running.clock.now(),
                by_operator=True,
                fetch=fetch,
            )
            shown = {"issuer": at.url, **describe(created.client)}
            if created.secret is not None:
                shown["client_secret"] = created.secret.reveal()
            return shown

    try:
        shown = run(work())
    except InvalidMetadata as error:
        taken = any(problem.field == "client_id" for problem in error.problems)
        raise CommandError(
            f"The application was not registered: {error}.", Exit.CONFLICT if taken else Exit.USAGE
        ) from None
    if json:
        put_json(shown)
        return
    put_pairs(shown)
    if "client_secret" in shown:
        say("The secret is not shown again: save it now.")


@commands.command()
def team(
    id: Annotated[str, typer.Argument(metavar="ID", help="Letters, digits and hyphens, such as acme-1.")],
    *,
    json: Json = False,
) -> None:
    """Make a secret for a team that registers its own applications. It is shown once; its digest goes into the settings.

    Examples: `carekey clients team acme-1`, `carekey clients team acme-1 --json`
    """
    secret = token(SystemEntropy())
    kept = Team(secret_sha256=digest(secret).hex())
    try:
        teams.check({id: kept}, ())
    except SettingsError as error:
        raise CommandError(str(error), Exit.USAGE) from None
    if json:
        put_json({"team": id, "secret": secret, "secret_sha256": kept.secret_sha256})
        return
    put_pairs({"team": id, "secret": secret})
    say("The secret is not shown again: hand it to the team. For the settings:")
    say(f'\n[teams.{id}]\nsecret_sha256 = "{kept.secret_sha256}"')


@commands.command("list")
def list_clients(config: Config = None, *, issuer: IssuerOption = None, json: Json = False) -> None:
    """List the applications, of every issuer unless one is named.

    Examples: `carekey clients list`, `carekey clients list --issuer healthcare --json`
    """

    async def work() -> list[dict[str, Any]]:
        async with opened(config) as running:
            name = _issuer(running, issuer).name if issuer else None
            found = await running.store.read(lambda tx: tx.clients.list(name))
            return [{"issuer": client.issuer, **describe(client), **_standing(client)} for client in found]

    rows = run(work())
    if json:
        put_json(rows)
    else:
        columns = ["issuer", "client_id", "client_name", "token_endpoint_auth_method", "disabled_at"]
        put_table(columns, [[str(row.get(column, "")) for column in columns] for row in rows])


@commands.command()
def show(
    id: Annotated[str, typer.Argument(metavar="CLIENT_ID")], config: Config = None, *, issuer: IssuerOption = None
) -> None:
    """Show how an application is registered, as JSON.

    Examples: `carekey clients show ward`, `carekey clients show ward --issuer sandbox`
    """

    async def work() -> dict[str, Any]:
        async with opened(config) as running:
            at = _issuer(running, issuer)
            found = await running.store.read(lambda tx: tx.clients.find(at.name, ClientId(id)))
            if found is None:
                raise CommandError(f"The issuer {at.name} has no client {id}.", Exit.NOT_FOUND)
            return {"issuer": at.url, **describe(found), **_standing(found)}

    put_json(run(work()))


Why = Annotated[str, typer.Option("--why", help="The reason, for the record.")]


@commands.command()
def disable(
    id: Annotated[str, typer.Argument(metavar="CLIENT_ID")],
    config: Config = None,
    *,
    why: Why,
    issuer: IssuerOption = None,
) -> None:
    """Switch an application off: nobody logs in to it, and nothing that it holds is good any longer.

    Examples: `carekey clients disable ward --why "key leaked"`,
    `carekey clients disable ward --issuer sandbox --why "contract ended"`
    """
    if not _switch(config, id, issuer, why, standing.disable):
        say(f"{id} was disabled already.")
        return
    say(f"{id} is disabled, at every node. Its users are told that it is switched off.")


@commands.command()
def enable(
    id: Annotated[str, typer.Argument(metavar="CLIENT_ID")],
    config: Config = None,
    *,
    why: Why,
    issuer: IssuerOption = None,
) -> None:
    """Switch an application on again. Its users log in anew: the tokens that it held stay dead.

    Examples: `carekey clients enable ward --why "key replaced"`
    """
    if not _switch(config, id, issuer, why, standing.enable):
        say(f"{id} was enabled already.")
        return
    say(f"{id} is enabled. Its users log in anew.")


def _switch(config: Path | None, id: str, issuer: str | None, why: str, switch: Callable[..., bool]) -> bool:
    """Raises: CommandError."""
    if not why.strip():
        raise CommandError("--why must say something: it goes on the record.", Exit.USAGE)

    async def work() -> bool:
        async with opened(config) as running:
            at, now, by = _issuer(running, issuer), running.clock.now(), this_operator()
            try:
                return await running.store.write(
                    lambda tx: switch(tx, at.name, ClientId(id), why=why.strip(), by=by, now=now)
                )
            except standing.NoSuchClient:
                raise CommandError(f"The issuer {at.name} has no client {id}.", Exit.NOT_FOUND) from None
            except standing.ChangedMeanwhile:
                raise CommandError(
                    f"{id} was changed at this very moment: run the command again.", Exit.CONFLICT
                ) from None

    return run(work())


@commands.command()
def deliveries(
    id: Annotated[str, typer.Argument(metavar="CLIENT_ID")],
    config: Config = None,
    *,
    issuer: IssuerOption = None,
    limit: Annotated[int, typer.Option(help="How many, the latest first.", min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """Show what an application was told of ended sessions in the last week, and how it answered.

    Examples: `carekey clients deliveries ward`, `carekey clients deliveries ward --limit 500 --json`
    """

    async def work() -> list[dict[str, Any]]:
        async with opened(config) as running:
            at, client = _issuer(running, issuer), ClientId(id)
            if await running.store.read(lambda tx: tx.clients.find(at.name, client)) is None:
                raise CommandError(f"The issuer {at.name} has no client {id}.", Exit.NOT_FOUND)
            found = await running.store.read(lambda tx: tx.logout_deliveries.of_client(at.name, client, limit=limit))
            return [
                {
                    "session": one.session,
                    "person": one.person,
                    "ended": one.queued_at.isoformat(timespec="seconds"),
                    "state": one.state.value,
                    "tries": one.tries,
                    "outcome": one.outcome,
                    "settled": one.settled_at and one.settled_at.isoformat(timespec="seconds"),
                }
                for one in found
            ]

    rows = run(work())
    if json:
        put_json(rows)
        return
    put_table(
        ["Session", "Person", "Ended", "State", "Tries", "Answer", "Settled"],
        [["" if value is None else str(value) for value in row.values()] for row in rows],
    )


def _standing(client: Client) -> dict[str, str]:
    if client.disabled_at is None:
        return {}
    return {"disabled_at": client.disabled_at.isoformat(timespec="seconds")}


def _issuer(running: "Installation", name: str | None) -> Issuer:
    if name is None:
        return running.issuers[0]
    found = next((issuer for issuer in running.issuers if issuer.name == IssuerName(name)), None)
    if found is None:
        there = ", ".join(issuer.name for issuer in running.issuers)
        raise CommandError(f"There is no issuer {name}; there are {there}.", Exit.NOT_FOUND)
    return found


def _read(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        metadata = json_text.loads(text)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.", Exit.NOT_FOUND) from None
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file} is not JSON: {error}.", Exit.USAGE) from None
    if not isinstance(metadata, dict):
        raise CommandError(f"{file} must hold one JSON object.", Exit.USAGE)
    return metadata
