"""What statements are run on. Two drivers satisfy it; nothing else of them is used."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

Value = str | bytes | int | None
Row = tuple[Any, ...]


class Connection(Protocol):
    def run(self, sql: str, values: Sequence[Value]) -> None:
        """Run a statement whose answer nobody needs: it may be sent along with the next one."""
        ...

    def changed(self, sql: str, values: Sequence[Value]) -> int:
        """Run a statement; how many rows it changed."""
        ...

    def one(self, sql: str, values: Sequence[Value]) -> Row | None: ...

    def all(self, sql: str, values: Sequence[Value]) -> list[Row]: ...

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row."""
        ...
