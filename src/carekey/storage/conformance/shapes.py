"""Proof for mypy that the one transaction and the stores are what every slice asks for. Nothing here runs."""

from carekey.audit.ports import AuditTx
from carekey.authenticators.ports import AuthenticatorTx
from carekey.directory.ports import DirectoryTx
from carekey.jose.ports import KeysTx
from carekey.kernel.unit_of_work import Store as Port
from carekey.login.ports import LoginTx
from carekey.oidc.ports import OidcTx
from carekey.sessions.ports import SessionTx
from carekey.storage import Store, Tx
from carekey.storage.memory.store import MemoryTx
from carekey.storage.sql.connection import Connection
from carekey.storage.sql.postgresql import _Reads, _Writes
from carekey.storage.sql.sqlite import SqliteConnection
from carekey.storage.sql.transaction import SqlTx


def every_transaction(memory: MemoryTx, sql: SqlTx) -> list[Tx]:
    return [memory, sql]


def every_slice(
    tx: Tx,
) -> tuple[AuditTx, AuthenticatorTx, DirectoryTx, KeysTx, LoginTx, OidcTx, SessionTx]:
    return tx, tx, tx, tx, tx, tx, tx


def every_port(store: Store) -> tuple[Port[Tx], Port[LoginTx], Port[OidcTx], Port[AuthenticatorTx]]:
    return store, store, store, store


def every_connection(sqlite: SqliteConnection, reads: _Reads, writes: _Writes) -> list[Connection]:
    return [sqlite, reads, writes]
