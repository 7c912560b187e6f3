"""Sessions and log-ins."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from carekey.authenticators.base import Verified
from carekey.kernel.ids import ClientId, LoginId, PersonId, RoleProfileId, SessionId
from carekey.login.model import Login, Outcome
from carekey.sessions.model import Proof, Session
from carekey.storage.memory.table import Journal, Table


class Sessions:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[SessionId, Session] = Table(journal)
        self._digests: Table[bytes, SessionId] = Table(journal)
        self._clients: Table[SessionId, frozenset[ClientId]] = Table(journal)

    def find(self, digest: bytes) -> Session | None:
        id = self._digests.get(digest)
        return None if id is None else self._rows.get(id)

    def get(self, id: SessionId) -> Session | None:
        return self._rows.get(id)

    def start(self, session: Session) -> None:
        self._rows.insert(session.id, session)
        self._digests.insert(session.digest, session.id)

    def use(self, id: SessionId, *, at: datetime, role: RoleProfileId | None) -> bool:
        row = self._rows.get(id)
        if row is None or row.ended_at or row.locked_at:
            return False
        self._rows.set(id, replace(row, last_used_at=at, role=role))
        return True

    def renew(self, id: SessionId, *, digest: bytes, proof: Proof, at: datetime, role: RoleProfileId | None) -> bool:
        row = self._rows.get(id)
        if row is None or row.ended_at:
            return False
        self._digests.pop(row.digest)
        self._digests.insert(digest, id)
        self._rows.set(id, replace(row, digest=digest, proof=proof, last_used_at=at, role=role, locked_at=None))
        return True

    def lock(self, id: SessionId, *, at: datetime) -> bool:
        row = self._rows.get(id)
        if row is None or row.ended_at or row.locked_at:
            return False
        self._rows.set(id, replace(row, locked_at=at))
        return True

    def end(self, id: SessionId, *, at: datetime) -> bool:
        row = self._rows.get(id)
        if row is None or row.ended_at:
            return False
        self._rows.set(id, replace(row, ended_at=at))
        return True

    def of_person(self, person: PersonId) -> Sequence[Session]:
        own = [row for row in self._rows if row.person == person and row.ended_at is None]
        return sorted(own, key=lambda row: (row.started_at, row.id))

    def joined(self, id: SessionId, client: ClientId) -> bool:
        row = self._rows.get(id)
        if row is None or row.ended_at:
            return False
        self._clients.set(id, (self._clients.get(id) or frozenset()) | {client})
        return True

    def clients_of(self, id: SessionId) -> Sequence[ClientId]:
        return sorted(self._clients.get(id) or ())

    def sweep(self, before: datetime, limit: int) -> int:
        old = [row for row in self._rows if row.last_used_at <= before][:limit]
        for row in old:
            self._rows.pop(row.id)
            self._digests.pop(row.digest)
            self._clients.pop(row.id)
        return len(old)


class Logins:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[LoginId, Login] = Table(journal)

    def start(self, login: Login) -> None:
        self._rows.insert(login.id, login)

    def find(self, id: LoginId) -> Login | None:
        return self._rows.get(id)

    def prove(self, id: LoginId, proof: Verified) -> bool:
        row = self._rows.get(id)
        if row is None or row.ended_at:
            return False
        self._rows.set(id, replace(row, proof=proof))
        return True

    def choose(self, id: LoginId, role: RoleProfileId) -> bool:
        row = self._rows.get(id)
        if row is None or row.ended_at:
            return False
        self._rows.set(id, replace(row, role=role))
        return True

    def restart(self, id: LoginId) -> bool:
        row = self._rows.get(id)
        if row is None or row.ended_at:
            return False
        self._rows.set(id, replace(row, proof=None, role=None, account=None))
        return True

    def go_on_as(self, id: LoginId, person: PersonId) -> bool:
        row = self._rows.get(id)
        if row is None or row.ended_at:
            return False
        self._rows.set(id, replace(row, account=person))
        return True

    def end(self, id: LoginId, outcome: Outcome, *, at: datetime) -> bool:
        row = self._rows.get(id)
        if row is None or row.ended_at:
            return False
        self._rows.set(id, replace(row, outcome=outcome, ended_at=at))
        return True

    def sweep(self, before: datetime, limit: int) -> int:
        return self._rows.sweep(lambda row: row.expires_at <= before, limit)
