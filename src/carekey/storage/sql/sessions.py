"""Sessions and log-ins."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, null, select, update

from carekey.authenticators.base import Verified
from carekey.kernel.ids import ClientId, LoginId, PersonId, RoleProfileId, SessionId
from carekey.login.model import Asked, Login, Outcome
from carekey.sessions.model import Proof, Session
from carekey.storage.encoding import from_micros, maybe_from_micros, maybe_to_micros, to_json, to_micros
from carekey.storage.sql.connection import Connection, Row
from carekey.storage.sql.dialect import ONE, Dialect
from carekey.storage.sql.schema import logins, session_clients, sessions

_proof = msgspec.json.Decoder(Proof)
_asked = msgspec.json.Decoder(Asked)
_verified = msgspec.json.Decoder(Verified)


def _session(row: Row) -> Session:
    id, digest, issuer, person, proof, role, started_at, last_used_at, ended_at, locked_at = row
    return Session(
        id=id,
        digest=digest,
        issuer=issuer,
        person=person,
        proof=_proof.decode(proof),
        role=role,
        started_at=from_micros(started_at),
        last_used_at=from_micros(last_used_at),
        ended_at=maybe_from_micros(ended_at),
        locked_at=maybe_from_micros(locked_at),
    )


class _SessionsSql:
    def __init__(self, dialect: Dialect) -> None:
        c, this, live = sessions.c, sessions.c.id == bindparam("this"), sessions.c.ended_at.is_(None)
        self.start = dialect.add(sessions)
        self.find = dialect.text(select(*c).where(c.digest == bindparam("digest")), "digest")
        self.get = dialect.text(select(*c).where(this), "this")
        unlocked = c.locked_at.is_(None)
        self.use = dialect.text(
            update(sessions)
            .values(last_used_at=bindparam("at"), role=bindparam("role_now"))
            .where(this, live, unlocked),
            *("role_now", "at", "this"),
        )
        self.lock = dialect.text(
            update(sessions).values(locked_at=bindparam("at")).where(this, live, unlocked), "at", "this"
        )
        self.renew = dialect.text(
            update(sessions)
            .values(
                digest=bindparam("digest_now"),
                proof=bindparam("proof_now"),
                last_used_at=bindparam("at"),
                role=bindparam("role_now"),
                locked_at=null(),
            )
            .where(this, live),
            *("digest_now", "proof_now", "role_now", "at", "this"),
        )
        self.end = dialect.text(update(sessions).values(ended_at=bindparam("at")).where(this, live), "at", "this")
        self.of_person = dialect.text(
            select(*c).where(c.person == bindparam("person"), live).order_by(c.started_at, c.id), "person"
        )
        # Against an end at the same moment: PostgreSQL waits for it, SQLite has one writer.
        self.live = dialect.text(select(ONE).where(this, live).with_for_update(read=True), "this")
        self.joined = dialect.add_new(session_clients, "session", "client")
        self.clients = dialect.text(
            select(session_clients.c.client)
            .where(session_clients.c.session == bindparam("session"))
            .order_by(session_clients.c.client),
            "session",
        )


class Sessions:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_SessionsSql)

    def find(self, digest: bytes) -> Session | None:
        row = self._connection.one(self._sql.find, (digest,))
        return None if row is None else _session(row)

    def get(self, id: SessionId) -> Session | None:
        row = self._connection.one(self._sql.get, (id,))
        return None if row is None else _session(row)

    def start(self, session: Session) -> None:
        row = (
            session.id,
            session.digest,
            session.issuer,
            session.person,
            to_json(session.proof),
            session.role,
            to_micros(session.started_at),
            to_micros(session.last_used_at),
            maybe_to_micros(session.ended_at),
            maybe_to_micros(session.locked_at),
        )
        self._connection.run(self._sql.start, row)

    def use(self, id: SessionId, *, at: datetime, role: RoleProfileId | None) -> bool:
        return self._connection.changed(self._sql.use, (role, to_micros(at), id)) == 1

    def renew(self, id: SessionId, *, digest: bytes, proof: Proof, at: datetime, role: RoleProfileId | None) -> bool:
        return self._connection.changed(self._sql.renew, (digest, to_json(proof), role, to_micros(at), id)) == 1

    def lock(self, id: SessionId, *, at: datetime) -> bool:
        return self._connection.changed(self._sql.lock, (to_micros(at), id)) == 1

    def end(self, id: SessionId, *, at: datetime) -> bool:
        return self._connection.changed(self._sql.end, (to_micros(at), id)) == 1

    def of_person(self, person: PersonId) -> Sequence[Session]:
        return [_session(row) for row in self._connection.all(self._sql.of_person, (person,))]

    def joined(self, id: SessionId, client: ClientId) -> bool:
        if self._connection.one(self._sql.live, (id,)) is None:
            return False
        self._connection.run(self._sql.joined, (id, client))
        return True

    def clients_of(self, id: SessionId) -> Sequence[ClientId]:
        return [row[0] for row in self._connection.all(self._sql.clients, (id,))]


def _login(row: Row) -> Login:
    id, issuer, browser, reference, asked, request, proof, role, started_at, expires_at, ended_at, outcome, who = row
    return Login(
        id=id,
        issuer=issuer,
        browser=browser,
        reference=reference,
        asked=_asked.decode(asked),
        request=request,
        proof=None if proof is None else _verified.decode(proof),
        role=role,
        started_at=from_micros(started_at),
        expires_at=from_micros(expires_at),
        ended_at=maybe_from_micros(ended_at),
        outcome=None if outcome is None else Outcome(outcome),
        account=who,
    )


class _LoginsSql:
    def __init__(self, dialect: Dialect) -> None:
        c = logins.c
        this, live = c.id == bindparam("this"), c.ended_at.is_(None)
        self.start = dialect.add(logins)
        self.find = dialect.text(select(*c).where(this), "this")
        self.prove = dialect.text(update(logins).values(proof=bindparam("new")).where(this, live), "new", "this")
        self.choose = dialect.text(update(logins).values(role=bindparam("new")).where(this, live), "new", "this")
        self.restart = dialect.text(
            update(logins).values(proof=null(), role=null(), account=null()).where(this, live), "this"
        )
        self.go_on_as = dialect.text(update(logins).values(account=bindparam("new")).where(this, live), "new", "this")
        self.end = dialect.text(
            update(logins).values(ended_at=bindparam("at"), outcome=bindparam("how")).where(this, live),
            *("at", "how", "this"),
        )


class Logins:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_LoginsSql)

    def start(self, login: Login) -> None:
        row = (
            login.id,
            login.issuer,
            login.browser,
            login.reference,
            to_json(login.asked),
            login.request,
            None if login.proof is None else to_json(login.proof),
            login.role,
            to_micros(login.started_at),
            to_micros(login.expires_at),
            maybe_to_micros(login.ended_at),
            None if login.outcome is None else login.outcome.value,
            login.account,
        )
        self._connection.run(self._sql.start, row)

    def find(self, id: LoginId) -> Login | None:
        row = self._connection.one(self._sql.find, (id,))
        return None if row is None else _login(row)

    def prove(self, id: LoginId, proof: Verified) -> bool:
        return self._connection.changed(self._sql.prove, (to_json(proof), id)) == 1

    def choose(self, id: LoginId, role: RoleProfileId) -> bool:
        return self._connection.changed(self._sql.choose, (role, id)) == 1

    def restart(self, id: LoginId) -> bool:
        return self._connection.changed(self._sql.restart, (id,)) == 1

    def go_on_as(self, id: LoginId, person: PersonId) -> bool:
        return self._connection.changed(self._sql.go_on_as, (person, id)) == 1

    def end(self, id: LoginId, outcome: Outcome, *, at: datetime) -> bool:
        return self._connection.changed(self._sql.end, (to_micros(at), outcome.value, id)) == 1
