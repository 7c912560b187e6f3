"""`carekey serve`."""

from typing import Annotated

import typer

from carekey.app import serving
from carekey.app.commands.options import Config
from carekey.app.listener import Listener


def serve(
    config: Config = None,
    *,
    workers: Annotated[int | None, typer.Option(help="Processes that share the port.", min=1)] = None,
    only: Annotated[Listener | None, typer.Option(help="Start one listener, where each has its own machine.")] = None,
) -> None:
    """Start the provider, and the listeners for smartcards and for mutual TLS if the settings have them.

    In an empty folder it starts a sandbox: SQLite, keys of its own, plain http on loopback.

    Examples: `carekey serve`, `carekey serve --config carekey.toml --workers 4`, `carekey serve --only card-host`
    """
    serving.serve(config, workers=workers, only=only)
