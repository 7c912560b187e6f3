"""All commands of `carekey`, and their help."""

import typer

from carekey import __version__
from carekey.app.cli import begin
from carekey.app.commands import (
    audit,
    card,
    clients,
    config,
    confirmation,
    db,
    demo,
    evidence,
    keys,
    metadata,
    person,
    sessions,
    workstation,
)
from carekey.app.commands.directory import dev, people
from carekey.app.commands.doctor import doctor
from carekey.app.commands.serve import serve

app = typer.Typer(
    help="CareKey: an open care identity service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve)
app.command()(doctor)
app.add_typer(demo.commands, name="demo")
app.add_typer(config.commands, name="config")
app.add_typer(db.commands, name="db")
app.add_typer(people, name="people")
app.add_typer(person.commands, name="person")
app.add_typer(sessions.commands, name="sessions")
app.add_typer(clients.commands, name="clients")
app.add_typer(keys.commands, name="keys")
app.add_typer(card.commands, name="card")
app.add_typer(metadata.commands, name="metadata")
app.add_typer(workstation.commands, name="workstation")
app.add_typer(confirmation.commands, name="confirmation")
app.add_typer(evidence.commands, name="evidence")
app.add_typer(audit.commands, name="audit")
app.add_typer(dev, name="dev")


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"carekey {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: bool = typer.Option(
        False, "--version", help="Say which version this is.", callback=lambda on: _version(wanted=on), is_eager=True
    ),
    verbose: bool = typer.Option(False, "--verbose", help="Log more, on stderr."),
) -> None:
    _ = version
    begin(verbose=verbose)
