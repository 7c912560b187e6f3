"""The only place where SQLite and PostgreSQL differ in their SQL."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Integer, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.dialects.sqlite.pysqlite import dialect as pysqlite_dialect
from sqlalchemy.engine.interfaces import Dialect as Compiler
from sqlalchemy.sql.expression import BindParameter, ClauseElement, ColumnElement, Select, bindparam, literal_column
from sqlalchemy.types import TypeEngine

P = TypeVar("P")

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Ordered by code point, as SQLite does it, whatever the locale of the database: `find by prefix` relies on it."""

NUMBER = BigInteger()

SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""A row number: SQLite numbers rows by itself if the column is declared INTEGER."""

ZERO: ColumnElement[int] = literal_column("0")
ONE: ColumnElement[int] = literal_column("1")


def given(name: str, kind: TypeEngine[P]) -> BindParameter[P]:
    """A parameter that is compared with several columns, or with none."""
    return bindparam(name, type_=kind)


def at_most(statement: Select[Any]) -> Select[Any]:
    """No more rows than the parameter `limit`, which comes last. SQLAlchemy would otherwise make the offset of
    zero that SQLite's syntax wants a parameter too."""
    return statement.limit(bindparam("limit")).offset(ZERO)


@dataclass(frozen=True, eq=False)
class Dialect:
    name: str
    insert: Callable[[Table], Any]
    alone: str
    """With what an upgrade begins, so that two at once do not mix."""
    _compiler: Compiler
    _prepared: dict[type, Any] = field(default_factory=dict)

    def text(self, statement: ClauseElement, *parameters: str) -> str:
        """The statement as the driver wants it. `parameters` are the names of its bound parameters in the order
        in which values will be given; stating them here makes a mix-up fail at start, not in a log-in."""
        compiled: Any = statement.compile(dialect=self._compiler)
        if tuple(compiled.positiontup) != parameters:
            raise AssertionError(f"parameters are {compiled.positiontup}, stated as {parameters}: {compiled}")
        return str(compiled)

    def add(self, table: Table) -> str:
        """Insert a row: one value for each column, in the order of the schema."""
        return self.text(self.insert(table), *table.columns.keys())

    def add_new(self, table: Table, *key: str) -> str:
        """The same, but nothing happens if the key (any unique key, if none is named) is taken."""
        statement = self.insert(table).on_conflict_do_nothing(index_elements=key or None)
        return self.text(statement, *table.columns.keys())

    def put(self, table: Table, *key: str) -> str:
        """Insert a row, or replace the one with this key."""
        statement = self.insert(table)
        new = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
        statement = statement.on_conflict_do_update(index_elements=key, set_=new)
        return self.text(statement, *table.columns.keys())

    def prepared(self, statements: type[P]) -> P:
        """A port's statements, compiled once for as long as the process runs."""
        if statements not in self._prepared:
            self._prepared[statements] = statements(self)  # type: ignore[call-arg]  # each takes a Dialect
        known: P = self._prepared[statements]
        return known


SQLITE = Dialect("sqlite", sqlite.insert, "BEGIN IMMEDIATE", pysqlite_dialect(paramstyle="qmark"))
POSTGRESQL = Dialect(
    "postgresql",
    postgresql.insert,
    "SELECT pg_advisory_xact_lock(4927005107)",  # held to the end of the transaction
    psycopg_dialect(paramstyle="format"),  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
)
