"""Options that many commands have."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The settings file.", envvar="CAREKEY_CONFIG", show_envvar=True),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON with stable names.")]
