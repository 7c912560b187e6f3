"""`carekey config`."""

import tomllib

import typer

from carekey.app import settings
from carekey.app.commands.options import Config, Json
from carekey.app.terminal import put, put_json, read_settings

commands = typer.Typer(help="Check and show the settings.", no_args_is_help=True)


@commands.command()
def check(config: Config = None) -> None:
    """Say whether the settings are right, and what is wrong if not.

    Examples: `carekey config check --config carekey.toml`, `CAREKEY_SERVER__PORT=8001 carekey config check`
    """
    from carekey.app.checks import check

    found = read_settings(config)
    check(found)
    put(
        f"The settings are in order: {found.environment}, issuers {', '.join(found.issuers)}, port {found.server.port}."
    )


@commands.command()
def show(config: Config = None, *, json: Json = False) -> None:
    """Print the settings in force, secrets masked.

    Examples: `carekey config show`, `carekey config show --json`
    """
    tree = settings.shown(read_settings(config))
    if json:
        put_json(tree)
        return
    put(_toml(tree))


def _toml(tree: dict[str, object], path: str = "") -> str:
    lines = [
        f"{name} = {_value(value)}" for name, value in tree.items() if not isinstance(value, dict) and value is not None
    ]
    for name, value in tree.items():
        if isinstance(value, dict):
            inner = f"{path}.{name}" if path else name
            body = _toml(value, inner)
            lines += ["", f"[{inner}]", body] if any(not isinstance(v, dict) for v in value.values()) else [body]
    text = "\n".join(lines)
    tomllib.loads(text)
    return text


def _value(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
