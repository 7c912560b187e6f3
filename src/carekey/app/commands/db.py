"""`carekey db`."""

import typer

from carekey.app.commands.options import Config
from carekey.app.terminal import put, read_settings

commands = typer.Typer(help="Make the database, or bring it to this version.", no_args_is_help=True)


@commands.command()
def upgrade(config: Config = None) -> None:
    """Make the tables, or bring them to this version. Doing it twice changes nothing.

    Examples: `carekey db upgrade`, `CAREKEY_DATABASE__URL=postgresql://carekey@db/carekey carekey db upgrade`
    """
    from carekey.app.data_folder import make_folder
    from carekey.storage.sql import migrate

    found = read_settings(config)
    make_folder(found)
    migrate.upgrade(found.database_url())
    put("The database is of this version.")


@commands.command()
def check(config: Config = None) -> None:
    """Say whether the database is of this version.

    Examples: `carekey db check`, `carekey db check --config carekey.toml`
    """
    from carekey.storage.sql import migrate

    migrate.check(read_settings(config).database_url())
    put("The database is of this version.")
