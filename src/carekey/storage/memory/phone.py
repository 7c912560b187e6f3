"""Approvals and registered UAF keys."""

from collections.abc import Mapping
from datetime import datetime

from carekey.authenticators.phone.approval import Approval, State
from carekey.kernel.ids import LoginId
from carekey.storage.memory.table import Journal, Table


class Approvals:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[LoginId, Approval] = Table(journal)
        self._codes: Table[bytes, LoginId] = Table(journal)

    def ask(self, approval: Approval) -> None:
        old = self._rows.get(approval.login)
        if old is not None:
            self._codes.pop(old.code)
        self._codes.insert(approval.code, approval.login)
        self._rows.set(approval.login, approval)

    def find(self, code: bytes) -> Approval | None:
        login = self._codes.get(code)
        return None if login is None else self._rows.get(login)

    def of(self, login: LoginId) -> Approval | None:
        return self._rows.get(login)

    def change(self, approval: Approval, *, was: State) -> bool:
        row = self.find(approval.code)
        if row is None or row.state is not was:
            return False
        self._rows.set(row.login, approval)
        return True

    def moved(self, *, now: datetime) -> Mapping[LoginId, State]:
        return {row.login: row.state for row in self._rows if row.state is not State.WAITING and now < row.expires_at}

    def sweep(self, before: datetime, limit: int) -> int:
        for row in [row for row in self._rows if row.expires_at <= before][:limit]:
            self._codes.pop(row.code)
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)


class UafKeys:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[bytes, bool] = Table(journal)

    def claim(self, key: bytes) -> bool:
        return self._rows.add(key, True)
