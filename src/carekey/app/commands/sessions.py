"""`carekey sessions`."""

from typing import Annotated, Any

import typer

from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.terminal import CommandError, Exit, put_json, put_table, run, say, this_operator
from carekey.kernel.ids import PersonId, SessionId
from carekey.sessions import ending
from carekey.sessions.events import WhyEnded
from carekey.storage.store import Tx

commands = typer.Typer(help="Who is logged in where.", no_args_is_help=True)


@commands.command("list")
def list_sessions(
    person: Annotated[str, typer.Argument(metavar="USER_ID", help="The person's 12 digits.")],
    config: Config = None,
    *,
    json: Json = False,
) -> None:
    """List the sessions of a person that nobody has ended, and the applications in each.

    Examples: `carekey sessions list 555000000102`, `carekey sessions list 555000000102 --json`
    """

    def found(tx: Tx) -> list[dict[str, Any]]:
        return [
            {
                "id": session.id,
                "issuer": session.issuer,
                "kind": session.proof.kind,
                "aal": int(session.proof.aal),
                "started": session.started_at.isoformat(timespec="seconds"),
                "last_used": session.last_used_at.isoformat(timespec="seconds"),
                "applications": list(tx.sessions.clients_of(session.id)),
            }
            for session in tx.sessions.of_person(PersonId(person))
        ]

    async def work() -> list[dict[str, Any]]:
        async with opened(config) as running:
            return await running.store.read(found)

    rows = run(work())
    if json:
        put_json(rows)
        return
    put_table(
        ["Session", "Issuer", "Way", "AAL", "Started", "Last used", "Applications"],
        [[*(str(row[name]) for name in list(row)[:-1]), ", ".join(row["applications"])] for row in rows],
    )


@commands.command()
def end(
    session: Annotated[str | None, typer.Argument(metavar="[SESSION]", help="One of `carekey sessions list`.")] = None,
    config: Config = None,
    *,
    person: Annotated[str | None, typer.Option(help="End every session of the person with this user ID.")] = None,
) -> None:
    """End a session, or all of a person. What was issued in it stops working, and its applications are told.
    Put -- before a session whose name begins with a hyphen.

    Examples: `carekey sessions end -- hVb0kq0a8m1Yw6u2gE3tq0o1p9c4`, `carekey sessions end --person 555000000102`
    """
    if (session is None) == (person is None):
        raise CommandError("Name one session, or a person with --person.", Exit.USAGE)

    async def work() -> int:
        async with opened(config) as running:
            now, by = running.clock.now(), this_operator()

            def end(tx: Tx) -> int:
                if person is not None:
                    return ending.end_all(tx, PersonId(person), WhyEnded.OPERATOR, now=now, by=by)
                found = tx.sessions.get(SessionId(session or ""))
                return int(found is not None and ending.end(tx, found, WhyEnded.OPERATOR, now=now, by=by))

            return await running.store.write(end)

    ended = run(work())
    if not ended:
        raise CommandError("There is no such session, or it has ended already.", Exit.NOT_FOUND)
    say(f"Sessions ended: {ended}. Their applications are told by the running service.")
