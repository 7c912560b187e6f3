"""`carekey clients initial-access`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.settings import SettingsError, duration
from carekey.app.terminal import CommandError, Exit, put_json, put_pairs, put_table, run, say, this_operator
from carekey.kernel.entropy import token
from carekey.kernel.secret import digest
from carekey.oidc.clients.grant_types import GRANT_TYPES
from carekey.oidc.events import InitialAccessTokenMade, InitialAccessTokenRemoved
from carekey.oidc.model import Allowance, InitialAccessToken, Issuer
from carekey.oidc.profiles import PROFILES
from carekey.storage.store import Tx

if TYPE_CHECKING:
    from carekey.app.wiring import Installation

commands = typer.Typer(help="Tokens that let somebody register applications (RFC 7591).", no_args_is_help=True)

IssuerOption = Annotated[str | None, typer.Option("--issuer", help="The issuer's short name; the first if left out.")]


def issuer_of(running: "Installation", name: str | None) -> Issuer:
    found = running.issuers[0] if name is None else next((one for one in running.issuers if one.name == name), None)
    if found is None:
        there = ", ".join(one.name for one in running.issuers)
        raise CommandError(f"There is no issuer {name}; there are {there}.", Exit.NOT_FOUND)
    return found


@commands.command()
def create(
    config: Config = None,
    *,
    note: Annotated[str, typer.Option(help="Whom it is for, such as the supplier's name.")],
    issuer: IssuerOption = None,
    uses: Annotated[int, typer.Option(help="How many applications it can register.", min=1, max=10_000)] = 1,
    lasts: Annotated[str, typer.Option(help="How long it can be used, such as 7d.")] = "7d",
    scope: Annotated[
        list[str] | None, typer.Option(help="A scope that they can ask for; any, if none is named.")
    ] = None,
    grant_type: Annotated[list[str] | None, typer.Option(help="A grant type that they can use; any, if none.")] = None,
    host: Annotated[list[str] | None, typer.Option(help="A host of their redirect addresses; any, if none.")] = None,
    profile: Annotated[str | None, typer.Option(help="The profile that they are registered under.")] = None,
    first_party: Annotated[
        bool, typer.Option("--first-party", help="They are of this house: people are not asked before sharing.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a token for somebody who registers applications. It is shown once.

    Examples: `carekey clients initial-access create --note "Supplier Ltd" --host app.example.test`,
    `carekey clients initial-access create --note "Test team" --uses 50 --lasts 30d --issuer sandbox --json`
    """
    try:
        lifetime = duration("--lasts", lasts)
    except SettingsError as error:
        raise CommandError(str(error), Exit.USAGE) from None
    if unknown := sorted({*(grant_type or ())} - GRANT_TYPES):
        raise CommandError(
            f"There is no grant type {unknown[0]}; there are {', '.join(sorted(GRANT_TYPES))}.", Exit.USAGE
        )
    if profile is not None and profile not in PROFILES:
        raise CommandError(f"There is no profile {profile}; there are {', '.join(PROFILES)}.", Exit.USAGE)
    allowance = Allowance(
        grant_types=frozenset(grant_type) if grant_type else None,
        scopes=frozenset(scope) if scope else None,
        hosts=frozenset(host) if host else None,
        profile=profile,
        first_party=first_party,
    )

    async def work() -> dict[str, Any]:
        async with opened(config) as running:
            at, now, text = issuer_of(running, issuer), running.clock.now(), token(running.entropy)
            made = InitialAccessToken(
                digest=digest(text),
                issuer=at.name,
                note=note,
                allowance=allowance,
                uses_left=uses,
                created_at=now,
                expires_at=now + lifetime,
            )

            def put(tx: Tx) -> None:
                tx.initial_access_tokens.put(made)
                event = InitialAccessTokenMade(at=now, actor=this_operator(), issuer=at.name, note=note, uses=uses)
                tx.audit.record(event)

            await running.store.write(put)
            return {"issuer": at.url, "initial_access_token": text, **_shown(made)}

    shown = run(work())
    if json:
        put_json(shown)
        return
    put_pairs(shown)
    say("The token is not shown again: save it now.")


@commands.command("list")
def list_tokens(config: Config = None, *, issuer: IssuerOption = None, json: Json = False) -> None:
    """List the tokens of an issuer that have not been swept, without what they are.

    Examples: `carekey clients initial-access list`, `carekey clients initial-access list --issuer sandbox --json`
    """

    async def work() -> list[dict[str, Any]]:
        async with opened(config) as running:
            at = issuer_of(running, issuer)
            found = await running.store.read(lambda tx: tx.initial_access_tokens.list(at.name))
            return [_shown(one) for one in found]

    rows = run(work())
    if json:
        put_json(rows)
    else:
        put_table(
            ["Id", "Note", "Uses left", "Until"], [[str(value) for value in list(row.values())[:4]] for row in rows]
        )


@commands.command()
def remove(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    config: Config = None,
    *,
    issuer: IssuerOption = None,
) -> None:
    """Take a token back. Applications that were registered with it stay.

    Examples: `carekey clients initial-access remove 3f2a9c…`
    """

    async def work() -> None:
        async with opened(config) as running:
            at, now = issuer_of(running, issuer), running.clock.now()

            def take_back(tx: Tx) -> bool:
                found = [one for one in tx.initial_access_tokens.list(at.name) if one.digest.hex() == id]
                if not found or not tx.initial_access_tokens.remove(found[0].digest):
                    return False
                event = InitialAccessTokenRemoved(at=now, actor=this_operator(), issuer=at.name, note=found[0].note)
                tx.audit.record(event)
                return True

            if not await running.store.write(take_back):
                raise CommandError(f"The issuer {at.name} has no such token.", Exit.NOT_FOUND)

    run(work())
    say("The token is good for nothing any more.")


def _shown(one: InitialAccessToken) -> dict[str, Any]:
    allowed = {
        "scopes": sorted(one.allowance.scopes) if one.allowance.scopes is not None else None,
        "grant_types": sorted(one.allowance.grant_types) if one.allowance.grant_types is not None else None,
        "hosts": sorted(one.allowance.hosts) if one.allowance.hosts is not None else None,
        "profile": one.allowance.profile,
        "first_party": one.allowance.first_party or None,
    }
    return {
        "id": one.digest.hex(),
        "note": one.note,
        "uses_left": one.uses_left,
        "expires": one.expires_at.isoformat(timespec="seconds"),
        **{name: value for name, value in allowed.items() if value is not None},
    }
