"""Pictures of applications."""

from sqlalchemy import bindparam, delete, select

from carekey.kernel.ids import ClientId, IssuerName
from carekey.storage.sql.connection import Connection
from carekey.storage.sql.dialect import Dialect
from carekey.storage.sql.schema import logos


class _LogosSql:
    def __init__(self, dialect: Dialect) -> None:
        this = (logos.c.issuer == bindparam("in_issuer"), logos.c.client == bindparam("of_client"))
        key = ("in_issuer", "of_client")
        self.put = dialect.put(logos, "issuer", "client")
        self.find = dialect.text(select(logos.c.picture).where(*this), *key)
        self.remove = dialect.text(delete(logos).where(*this), *key)


class Logos:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_LogosSql)

    def put(self, issuer: IssuerName, client: ClientId, picture: bytes) -> None:
        self._connection.run(self._sql.put, (issuer, client, picture))

    def find(self, issuer: IssuerName, client: ClientId) -> bytes | None:
        row = self._connection.one(self._sql.find, (issuer, client))
        return None if row is None else bytes(row[0])

    def remove(self, issuer: IssuerName, client: ClientId) -> None:
        self._connection.run(self._sql.remove, (issuer, client))
