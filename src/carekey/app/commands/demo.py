"""`carekey demo`: the provider, two applications and people to be, in one command."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from carekey.app.commands.opening import opened
from carekey.app.commands.options import Config, Json
from carekey.app.data_folder import prepare
from carekey.app.listener import BESIDE
from carekey.app.serving import check_beside, check_port, listeners_beside, run_server
from carekey.app.settings import Settings
from carekey.app.terminal import put_json, put_table, read_settings, run, say, this_operator

commands = typer.Typer(help="Start a demonstration, or list its people.", invoke_without_command=True)

APPLICATIONS = {"ward": 8001, "pharmacy": 8002}
RECORDS = "http://localhost:8003"
_FOLDER = Path(__file__).parents[4] / "demo"
"""The applications are in the repository, not in the installed package."""


@commands.callback()
def demo(context: typer.Context, config: Config = None) -> None:
    """Start the provider with demo people, and two applications to log in to.

    Examples: `carekey demo`, `CAREKEY_SERVER__PORT=8100 carekey demo`
    """
    from carekey.app.checks import check

    os.environ.setdefault("CAREKEY_ENVIRONMENT", "demo")
    if config is not None:
        os.environ["CAREKEY_CONFIG"] = str(config.resolve())
    if context.invoked_subcommand is not None:
        return
    found = read_settings(config)
    prepare(found)
    if found.environment == "demo" and found.smartcards.url is None:
        from carekey.app import demo_cards

        os.environ.update(demo_cards.furnish_host(found))  # the workers and the card host read it there
        found = read_settings(config)
    check(found)
    check_port("server", found.server.host, found.server.port)
    for listener in BESIDE:
        check_beside(listener, found, wanted=False)
    run(_furnish(config))
    with _applications(found), listeners_beside(found):
        _welcome(found)
        run_server(found, workers=found.server.workers)


@commands.command()
def people(config: Config = None, *, json: Json = False) -> None:
    """List the demo people, their roles and their passwords at the sandbox issuer.

    Examples: `carekey demo people`, `carekey demo people --json`
    """
    from carekey.app.demo import described
    from carekey.kernel.clock import SystemClock

    _ = config
    rows = described(at=SystemClock().now())
    if json:
        put_json(rows)
        return
    put_table(
        ["User ID", "Name", "Roles", "Sandbox password", "Shows"],
        [[row["id"], row["name"], str(len(row["roles"])), row["sandbox_password"], row["story"]] for row in rows],
    )


async def _furnish(config: Path | None) -> None:
    """Register the demo applications at the first issuer, and make virtual cards, unless that was done before."""
    from carekey.app import demo_cards
    from carekey.kernel.ids import ClientId
    from carekey.oidc.clients.register import create_client

    async with opened(config) as running:
        issuer = running.issuers[0]
        for kind in _present():
            metadata = _registration(kind, issuer.url, records=RECORDS in issuer.resources)
            id = ClientId(str(metadata["client_id"]))
            known = await running.store.read(lambda tx: {client.id for client in tx.clients.list(issuer.name)})
            if id not in known:
                await create_client(
                    running.store,
                    metadata,
                    issuer=issuer,
                    sealing=running.sealing,
                    entropy=running.entropy,
                    by=this_operator(),
                    now=running.clock.now(),
                    by_operator=True,
                )
        if running.settings.virtual_cards() and running.card_authorities:
            await demo_cards.issue(running)


def _present() -> list[str]:
    return list(APPLICATIONS) if _FOLDER.is_dir() else []


def _environment(kind: str, issuer: str, *, records: bool) -> dict[str, str]:
    names = {"ward": "Ward 7", "pharmacy": "Pharmacy"}
    other = next(name for name in APPLICATIONS if name != kind)
    return {
        "WARD_KIND": kind,
        "WARD_ISSUER": issuer,
        "WARD_DATA": str(Path(os.environ.get("CAREKEY_DATA", "data")) / kind),
        "WARD_NEIGHBOUR": f"{names[other]}=http://localhost:{APPLICATIONS[other]}",
        **({"WARD_RECORDS": RECORDS} if kind == "ward" and records else {}),
        "RECORDS_ISSUER": issuer,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_FOLDER), os.environ.get("PYTHONPATH")])),
    }


def _registration(kind: str, issuer: str, *, records: bool) -> dict[str, object]:
    import json

    done = subprocess.run(
        [sys.executable, "-m", "ward", "registration"],
        env={**os.environ, **_environment(kind, issuer, records=records)},
        capture_output=True,
        check=True,
    )
    metadata: dict[str, object] = json.loads(done.stdout)
    return metadata


@contextmanager
def _applications(found: Settings) -> Iterator[None]:
    issuer = next(iter(found.issuers.values()))
    records = RECORDS in issuer.resources
    programs = [("ward", kind) for kind in _present()] + [("records", "ward")] * (records and bool(_present()))
    started = [
        subprocess.Popen(  # noqa: S603 (programs of our own)
            [sys.executable, "-m", program], env={**os.environ, **_environment(kind, issuer.url, records=records)}
        )
        for program, kind in programs
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the server hands it on: without this we end before them
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def _welcome(found: Settings) -> None:
    base = next(iter(found.issuers.values())).url
    say("")
    say(f"CareKey is a demonstration here: nobody in it is real. Its data is in {found.folder()}/.")
    say("")
    if _present():
        say("  1. Open http://localhost:8001 (Ward 7), log in")
        if found.virtual_cards():
            say("     with Smartcard, then Use a virtual card: be any of the people, without hardware.")
        say("  2. Open http://localhost:8002 (Pharmacy), log in: nobody asks you again who you are.")
        say("     A patient's name in Ward 7 opens a record at an API, which may want a better log-in first.")
    say(f"  3. Open {base}/demo: add your browser's passkey or security key to one of the people,")
    if found.virtual_cards():
        say(f"     or take their card as a file into your browser, which then shows it to {found.smartcards.url}.")
    for name, issuer in found.issuers.items():
        say(f"  Issuer {name}: {issuer.url}/.well-known/openid-configuration")
    say("  The sandbox issuer also takes user names and passwords: .venv/bin/carekey demo people")
    say("  Your own application: docs/how-to/connect-an-application.md. Stop with Ctrl-C.")
    say("")
