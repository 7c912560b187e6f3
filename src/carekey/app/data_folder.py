"""The data folder, outside production: made, with what an empty one lacks."""

from carekey.app import master_key
from carekey.app.settings import Settings, SettingsError
from carekey.kernel.entropy import SystemEntropy


def prepare(found: Settings) -> None:
    """Make the folder itself, a master key and a database. Raises: SettingsError."""
    if found.environment == "production":
        return
    from carekey.storage.sql import migrate, sqlite

    make_folder(found)
    try:
        if found.keys.master is None and not master_key.file_of(found).exists():
            master_key.write(master_key.file_of(found), SystemEntropy())
    except OSError as error:
        raise SettingsError(f"The master key {master_key.file_of(found)} cannot be made: {error.strerror}.") from None
    url = found.database_url()
    if url.startswith("sqlite:") and not sqlite.path_of(url).exists():
        migrate.upgrade(url)


def make_folder(found: Settings) -> None:
    """The data folder, outside production. Raises: SettingsError."""
    if found.environment == "production":
        return
    try:
        found.folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The data folder {found.data} cannot be made ({error.strerror}): make it, or set data to another."
        ) from None
