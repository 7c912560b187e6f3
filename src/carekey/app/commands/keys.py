"""`carekey keys`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.terminal import CommandError, Exit, put, put_json, put_table, run, say, this_operator
from carekey.jose.model import StoredKey
from carekey.kernel.ids import IssuerName
from carekey.storage.store import Tx

commands = typer.Typer(help="Signing keys and the master key.", no_args_is_help=True)


@commands.command("list")
def list_keys(config: Config = None, *, json: Json = False) -> None:
    """List the signing keys of every issuer. They rotate by themselves.

    Examples: `carekey keys list`, `carekey keys list --json`
    """

    async def work() -> list[dict[str, str]]:
        async with opened(config) as running:
            found = []
            for issuer in running.issuers:
                keys = await running.store.read(partial(_keys_of, issuer.name))
                found += [
                    {
                        "issuer": key.issuer,
                        "kid": key.id,
                        "alg": key.alg,
                        "state": key.state.value,
                        "since": key.changed_at.isoformat(timespec="seconds"),
                    }
                    for key in keys
                ]
            return found

    rows = run(work())
    if json:
        put_json(rows)
    else:
        put_table(["Issuer", "Key", "Algorithm", "State", "Since"], [list(row.values()) for row in rows])


@commands.command()
def rotate(
    config: Config = None,
    *,
    issuer: Annotated[str, typer.Option(help="The issuer's short name.")],
    alg: Annotated[str, typer.Option(help="The algorithm whose key to change.")] = "RS256",
    now: Annotated[
        bool, typer.Option("--now", help="For a key that may have been seen: stop using it at once.")
    ] = False,
) -> None:
    """Publish a next signing key, which takes over once relying parties have had time to read it.

    Examples: `carekey keys rotate --issuer healthcare`, `carekey keys rotate --issuer healthcare --now`
    """

    async def work() -> None:
        async with opened(config) as running:
            signer = next((one for name, one in running.signers.items() if name == issuer), None)
            if signer is None:
                raise CommandError(
                    f"There is no issuer {issuer}; there are {', '.join(running.signers)}.", Exit.NOT_FOUND
                )
            try:
                await signer.rotate(running.clock.now(), alg=alg, at_once=now, by=this_operator())
            except KeyError:
                raise CommandError(f"There is no algorithm {alg}.", Exit.USAGE) from None

    run(work())
    say("The next key is in use." if now else "The next key is published.")


@commands.command()
def new_master(file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")]) -> None:
    """Make a master key, under which private keys are encrypted. Keep a copy of it in a safe place.

    Examples: `carekey keys new-master /etc/carekey/master.key`
    """
    from carekey.app import master_key
    from carekey.kernel.entropy import SystemEntropy

    try:
        master_key.write(file, SystemEntropy())
    except FileExistsError:
        raise CommandError(f"{file} exists: a master key is not overwritten.", Exit.CONFLICT) from None
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
    put(str(file))


def _keys_of(issuer: IssuerName, tx: Tx) -> Sequence[StoredKey]:
    return tx.keys.list(issuer)
