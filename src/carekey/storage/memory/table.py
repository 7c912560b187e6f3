"""Dictionaries that can take their changes back."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from carekey.storage.errors import StorageError

K = TypeVar("K")
V = TypeVar("V")

_NOTHING: Any = object()


class Journal:
    """How to undo what the present transaction has done, latest first."""

    def __init__(self) -> None:
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self.writable = False

    def note(self, rows: dict[Any, Any], key: Any) -> None:
        if not self.writable:
            raise StorageError("Work that was given to read() tried to write: give it to write().")
        self._undo.append((rows, key, rows.get(key, _NOTHING)))

    def forget(self) -> None:
        self._undo.clear()

    def roll_back(self) -> None:
        while self._undo:
            rows, key, old = self._undo.pop()
            if old is _NOTHING:
                rows.pop(key, None)
            else:
                rows[key] = old


class Table(Generic[K, V]):
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        return self._rows.get(key)

    def __iter__(self) -> Iterator[V]:
        return iter(self._rows.values())

    def set(self, key: K, row: V) -> None:
        """Insert or replace."""
        self._journal.note(self._rows, key)
        self._rows[key] = row

    def add(self, key: K, row: V) -> bool:
        """Insert; False, and no change, if the key is taken."""
        if key in self._rows:
            return False
        self.set(key, row)
        return True

    def insert(self, key: K, row: V) -> None:
        """Insert what cannot be there yet. Raises: StorageError."""
        if not self.add(key, row):
            raise StorageError("The row exists already.")

    def pop(self, key: K) -> V | None:
        if key in self._rows:
            self._journal.note(self._rows, key)
        return self._rows.pop(key, None)

    def sweep(self, expired: Callable[[V], bool], limit: int) -> int:
        keys = [key for key, row in self._rows.items() if expired(row)][:limit]
        for key in keys:
            self.pop(key)
        return len(keys)
