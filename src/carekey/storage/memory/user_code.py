"""The codes by which applications may ask for people."""

from carekey.authenticators.user_code.model import UserCode
from carekey.kernel.ids import PersonId
from carekey.storage.memory.table import Journal, Table


class UserCodes:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[PersonId, UserCode] = Table(journal)

    def put(self, code: UserCode) -> None:
        self._rows.set(code.person, code)

    def find(self, person: PersonId) -> UserCode | None:
        return self._rows.get(person)

    def remove(self, person: PersonId) -> bool:
        return self._rows.pop(person) is not None
