"""`carekey people` and `carekey dev`: the directory's own commands, given a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carekey.app.data_folder import prepare
from carekey.app.terminal import read_settings
from carekey.directory import cli
from carekey.registration.standing import end_sessions
from carekey.storage.open import open_store
from carekey.storage.store import Store


@contextmanager
def _opened(config: Path | None) -> Iterator[Store]:
    found = read_settings(config)
    prepare(found)
    store = open_store(found.database_url())
    try:
        yield store
    finally:
        store.close()


people = cli.commands(_opened, lambda tx, lost, by, now: end_sessions(tx, lost, by=by, now=now))
dev = cli.dev_commands(_opened)
