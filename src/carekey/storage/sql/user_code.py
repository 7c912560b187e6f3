"""The codes by which applications may ask for people."""

from sqlalchemy import bindparam, delete, select

from carekey.authenticators.user_code.model import UserCode
from carekey.kernel.ids import PersonId
from carekey.storage.encoding import from_micros, to_micros
from carekey.storage.sql.connection import Connection
from carekey.storage.sql.dialect import Dialect
from carekey.storage.sql.schema import user_codes


class _UserCodesSql:
    def __init__(self, dialect: Dialect) -> None:
        c = user_codes.c
        self.put = dialect.put(user_codes, "person")
        self.find = dialect.text(select(*c).where(c.person == bindparam("in_person")), "in_person")
        self.remove = dialect.text(delete(user_codes).where(c.person == bindparam("in_person")), "in_person")


class UserCodes:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_UserCodesSql)

    def put(self, code: UserCode) -> None:
        self._connection.run(self._sql.put, (code.person, code.sealed, to_micros(code.chosen_at)))

    def find(self, person: PersonId) -> UserCode | None:
        row = self._connection.one(self._sql.find, (person,))
        if row is None:
            return None
        id, sealed, chosen_at = row
        return UserCode(person=PersonId(id), sealed=bytes(sealed), chosen_at=from_micros(chosen_at))

    def remove(self, person: PersonId) -> bool:
        return self._connection.changed(self._sql.remove, (person,)) == 1
