"""From the address in the settings to a store."""

from carekey.storage.errors import StorageError
from carekey.storage.store import Store


def open_store(url: str) -> Store:
    """Open `memory:`, `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://…`.

    The database must exist and be of this version (`sql.migrate.upgrade`).
    Raises: StorageError, one sentence with the fix; never with the password in it.
    """
    scheme = url.partition(":")[0]
    if scheme == "memory":
        from carekey.storage.memory.store import MemoryStore

        return MemoryStore()
    if scheme == "sqlite":
        from carekey.storage.sql.sqlite import SqliteStore

        return SqliteStore(url)
    if scheme in {"postgresql", "postgres"}:
        from carekey.storage.sql.postgresql import PostgresqlStore

        return PostgresqlStore(url)
    raise StorageError(
        f"The database address begins with “{scheme}:”; use memory:, sqlite:///file or postgresql://host/name."
    )
