"""`carekey audit`: what the record says, for a service desk that was told a reference code, and for exports."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.terminal import CommandError, Exit, put, put_json, put_pairs, run
from carekey.audit.ports import Recorded
from carekey.kernel.event import AuditEvent
from carekey.storage.store import Tx

commands = typer.Typer(help="What happened: the audit record.", no_args_is_help=True)

_PAGE = 1000


@commands.command()
def show(
    reference: Annotated[str, typer.Argument(help="The code of 8 letters and numbers that the page showed.")],
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """Show what is on record under a reference code: every step of one log-in, and why it was refused.

    Examples: `carekey audit show 7KQ4MD2X`, `carekey audit show "7kq4 md2x" --json`
    """
    code = "".join(filter(str.isalnum, reference)).upper()  # as it is read out over the telephone
    found = _read(config, lambda tx: _all(tx, reference=code))
    if not found:
        raise CommandError(f"Nothing is on record under {code}.", Exit.NOT_FOUND)
    _put(found, json=json)


@commands.command("list")
def list_events(
    config: Config = None,
    *,
    tag: Annotated[str | None, typer.Option(help="Only events of this kind; docs/events.md has them all.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this person, client or operator did.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only events with a higher number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many of them.")] = 20,
    json: Json = False,
) -> None:
    """List the newest events, oldest first.

    Examples: `carekey audit list --tag client:authentication:refused`, `carekey audit list --after 4711 --json`
    """
    _put(_read(config, lambda tx: _all(tx, tag=tag, actor=actor, after=after, newest=limit)), json=json)


def _read(config: Path | None, look: Callable[[Tx], Sequence[Recorded]]) -> Sequence[Recorded]:
    async def work() -> Sequence[Recorded]:
        async with opened(config) as running:
            return await running.store.read(look)

    return run(work())


def _all(tx: Tx, *, after: int = 0, newest: int | None = None, **by: str | None) -> Sequence[Recorded]:
    kept: deque[Recorded] = deque(maxlen=newest)
    while page := tx.audit.search(**by, after=after, limit=_PAGE):
        kept.extend(page)
        after = page[-1].id
    return list(kept)


def _put(found: Sequence[Recorded], *, json: bool) -> None:
    if json:
        put_json([_described(one) for one in found])
        return
    meanings = _meanings()
    for one in found:
        put(f"{one.at.isoformat(timespec='seconds')}  {one.tag}")
        put(f"  {meanings.get(one.tag, 'An event of another version.')}")
        told = {"number": one.id, "by": _who(one), "reference": one.reference, **one.data}
        put_pairs({name: value for name, value in told.items() if value not in ("", None)}, indent=2)
        put("")


def _described(one: Recorded) -> dict[str, Any]:
    return {
        "id": one.id,
        "at": one.at.isoformat(),
        "tag": one.tag,
        "refusal": one.refusal,
        "by": _who(one),
        "reference": one.reference,
        "data": one.data,
    }


def _who(one: Recorded) -> str:
    return f"{one.actor.kind} {one.actor.id}".strip()


def _meanings() -> Mapping[str, str]:
    """In a sentence, by tag. Every slice is loaded once the installation is open."""
    found, waiting = {}, [AuditEvent]
    while waiting:
        event = waiting.pop()
        waiting += event.__subclasses__()
        if "tag" in vars(event):
            found[event.tag] = " ".join((event.__doc__ or "").split())
    return found
