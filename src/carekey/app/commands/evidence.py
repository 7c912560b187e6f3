"""`carekey evidence`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.terminal import CommandError, Exit, put, put_json, put_pairs, put_table, run, say
from carekey.kernel.ids import ConfirmationId, PersonId

commands = typer.Typer(help="What people confirmed on their phones, and the proof of it.", no_args_is_help=True)

_MOST = 1000


@commands.command("list")
def list_evidence(
    person: Annotated[str, typer.Argument(metavar="USER_ID", help="The person's 12 digits.")],
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """List what a person confirmed, the latest first.

    Examples: `carekey evidence list 555000000102`, `carekey evidence list 555000000102 --json`
    """

    async def work() -> list[dict[str, Any]]:
        async with opened(config) as running:
            found = await running.store.read(lambda tx: tx.evidences.of_person(PersonId(person), limit=_MOST))
            return [
                {
                    "id": one.id,
                    "application": one.application,
                    "confirmed": one.confirmed_at.isoformat(timespec="seconds"),
                }
                for one in found
            ]

    rows = run(work())
    if json:
        put_json(rows)
    else:
        put_table(["Evidence", "Application", "Confirmed"], [list(row.values()) for row in rows])


@commands.command()
def export(
    id: Annotated[str, typer.Argument(metavar="ID", help="Of one of `carekey evidence list`.")],
    config: Config = None,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; stdout if none.")] = None,
) -> None:
    """Write a piece of evidence as it was kept. `carekey evidence verify` needs nothing but this file.

    Examples: `carekey evidence export ID -o prescription.json`
    """

    async def work() -> str:
        async with opened(config) as running:
            found = await running.store.read(lambda tx: tx.evidences.find(ConfirmationId(id)))
            if found is None:
                raise CommandError(f"There is no evidence {id}: see `carekey evidence list`.", Exit.NOT_FOUND)
            return found.document

    document = run(work())
    if output is None:
        put(document)
        return
    _write(output, f"{document}\n".encode())
    say(f"Written to {output}.")


@commands.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `carekey evidence export` wrote.")],
    *,
    signed: Annotated[
        Path | None, typer.Option("--signed", help="A file to write what was signed to, byte by byte, if it holds.")
    ] = None,
    json: Json = False,
) -> None:
    """Verify a piece of evidence, offline. The exit code is 0 if it holds, 1 if it does not.

    Examples: `carekey evidence verify prescription.json`, `carekey evidence verify scan.json --signed scan.png`
    """
    from carekey.authenticators.phone.confirmation import evidence

    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.", Exit.NOT_FOUND) from None
    except UnicodeDecodeError:
        raise CommandError(f"DOES NOT HOLD: {file} is not evidence of CareKey.") from None
    try:
        verdict = evidence.verify(text)
    except evidence.EvidenceError as error:
        raise CommandError(f"DOES NOT HOLD: {error}.") from None
    if signed is not None:
        _write(signed, verdict.content)
    document = verdict.document
    is_text = verdict.content_type == "text/plain"
    found = {
        "verdict": "HOLDS",
        "signed": verdict.content.decode() if is_text else f"an image of {len(verdict.content)} bytes: see --signed",
        **({} if is_text else {"said_to_show": document.asked.text}),
        "key": verdict.key,
        "model": verdict.model,
        "attestation": verdict.attestation,
        "anchor": verdict.anchor or "none: the maker of the device vouches for nothing",
        "reported_of_model": document.standing or "nothing",
        "person": document.person,
        "application": document.asked.application,
        "asked": document.asked.at.isoformat(),
        "confirmed": document.confirmed_at.isoformat(),
        "id": document.id,
        "digest": verdict.digest,
    }
    if json:
        put_json(found)
        return
    put_pairs(found)
    say(
        "The key signed what is shown as signed, in answer to this one request. That the key was the person's, who "
        "asked and when is CareKey's word: compare the digest with the audit event confirmation:answer:confirmed."
    )


def _write(file: Path, content: bytes) -> None:
    """Raises: CommandError."""
    try:
        file.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
