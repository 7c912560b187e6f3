"""Credentials, challenges, enrolments and failures."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, case, delete, or_, select, update

from carekey.authenticators.base import Challenge, Credential, Enrolment
from carekey.kernel.assurance import AAL
from carekey.kernel.ids import CredentialId, PersonId
from carekey.storage.encoding import digest_of, from_micros, maybe_from_micros, maybe_to_micros, to_micros
from carekey.storage.sql.connection import Connection, Row
from carekey.storage.sql.dialect import NUMBER, ONE, ZERO, Dialect, given
from carekey.storage.sql.schema import challenges, credentials, enrolments, failures


def _credential(row: Row) -> Credential:
    id, person, kind, handle, label, data, counter, created_at, last_used_at, revoked_at = row
    return Credential(
        id=id,
        person=person,
        kind=kind,
        handle=handle,
        label=label,
        data=data,
        counter=counter,
        created_at=from_micros(created_at),
        last_used_at=maybe_from_micros(last_used_at),
        revoked_at=maybe_from_micros(revoked_at),
    )


class _CredentialsSql:
    def __init__(self, dialect: Dialect) -> None:
        c = credentials.c
        this, live, counter = c.id == bindparam("this"), c.revoked_at.is_(None), given("counter_now", NUMBER)
        self.add = dialect.add_new(credentials, "kind", "handle")
        self.find = dialect.text(
            select(*c).where(c.kind == bindparam("kind"), c.handle == bindparam("handle")), "kind", "handle"
        )
        self.held = dialect.text(
            select(*c).where(c.person == bindparam("person"), live).order_by(c.created_at, c.id), "person"
        )
        self.advance = dialect.text(
            update(credentials)
            .values(counter=counter, last_used_at=bindparam("at"))
            .where(this, live, or_(c.counter < counter, and_(c.counter == ZERO, counter == ZERO))),
            *("counter_now", "at", "this", "counter_now", "counter_now"),
        )
        self.replace = dialect.text(
            update(credentials).values(data=bindparam("new")).where(this, c.data == bindparam("was")),
            *("new", "this", "was"),
        )
        self.revoke = dialect.text(
            update(credentials).values(revoked_at=bindparam("at")).where(this, live), "at", "this"
        )


class Credentials:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_CredentialsSql)

    def find(self, kind: str, handle: bytes) -> Credential | None:
        row = self._connection.one(self._sql.find, (kind, handle))
        return None if row is None else _credential(row)

    def held_by(self, person: PersonId) -> Sequence[Credential]:
        return [_credential(row) for row in self._connection.all(self._sql.held, (person,))]

    def add(self, credential: Credential) -> bool:
        row = (
            credential.id,
            credential.person,
            credential.kind,
            credential.handle,
            credential.label,
            credential.data,
            credential.counter,
            to_micros(credential.created_at),
            maybe_to_micros(credential.last_used_at),
            maybe_to_micros(credential.revoked_at),
        )
        return self._connection.changed(self._sql.add, row) == 1

    def advance(self, id: CredentialId, *, counter: int, at: datetime) -> bool:
        return self._connection.changed(self._sql.advance, (counter, to_micros(at), id, counter, counter)) == 1

    def replace(self, id: CredentialId, *, data: bytes, was: bytes) -> bool:
        return self._connection.changed(self._sql.replace, (data, id, was)) == 1

    def revoke(self, id: CredentialId, *, at: datetime) -> bool:
        return self._connection.changed(self._sql.revoke, (to_micros(at), id)) == 1


class _ChallengesSql:
    def __init__(self, dialect: Dialect) -> None:
        c = challenges.c
        self.put = dialect.add(challenges)
        self.take = dialect.text(
            delete(challenges).where(c.digest == bindparam("digest"), c.expires_at > bindparam("now")).returning(*c),
            *("digest", "now"),
        )


class Challenges:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_ChallengesSql)

    def put(self, challenge: Challenge) -> None:
        row = (challenge.digest, challenge.subject, challenge.data, to_micros(challenge.expires_at))
        self._connection.run(self._sql.put, row)

    def take(self, digest: bytes, *, now: datetime) -> Challenge | None:
        row = self._connection.one(self._sql.take, (digest, to_micros(now)))
        if row is None:
            return None
        digest, subject, data, expires_at = row
        return Challenge(digest=digest, subject=subject, data=data, expires_at=from_micros(expires_at))


class _EnrolmentsSql:
    def __init__(self, dialect: Dialect) -> None:
        c, this = enrolments.c, enrolments.c.digest == bindparam("this")
        self.put = dialect.add(enrolments)
        self.find = dialect.text(select(*c).where(this), "this")
        self.use = dialect.text(
            update(enrolments)
            .values(used_at=bindparam("now"))
            .where(this, c.used_at.is_(None), c.expires_at > bindparam("now")),
            *("now", "this", "now"),
        )


class Enrolments:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_EnrolmentsSql)

    def put(self, enrolment: Enrolment) -> None:
        row = (
            enrolment.digest,
            enrolment.person,
            enrolment.invited_by,
            to_micros(enrolment.created_at),
            to_micros(enrolment.expires_at),
            maybe_to_micros(enrolment.used_at),
            int(enrolment.level),
            enrolment.session,
        )
        self._connection.run(self._sql.put, row)

    def find(self, digest: bytes) -> Enrolment | None:
        row = self._connection.one(self._sql.find, (digest,))
        if row is None:
            return None
        digest, person, invited_by, created_at, expires_at, used_at, level, session = row
        return Enrolment(
            digest=digest,
            person=person,
            invited_by=invited_by,
            created_at=from_micros(created_at),
            expires_at=from_micros(expires_at),
            used_at=maybe_from_micros(used_at),
            level=AAL(level or AAL.AAL3),  # before there were others, all were made by registration authorities
            session=session,
        )

    def use(self, digest: bytes, *, now: datetime) -> bool:
        moment = to_micros(now)
        return self._connection.changed(self._sql.use, (moment, digest, moment)) == 1


class _FailuresSql:
    def __init__(self, dialect: Dialect) -> None:
        c, this, now = failures.c, failures.c.digest == bindparam("this"), given("now", NUMBER)
        insert = dialect.insert(failures)
        over = c.until <= now
        self.add = dialect.text(
            insert.on_conflict_do_update(
                index_elements=["digest"],
                set_={
                    "count": case((over, ONE), else_=c["count"] + ONE),
                    "until": case((over, insert.excluded.until), else_=c.until),
                },
            ).returning(c["count"]),
            *("digest", "count", "until", "now", "now"),
        )
        self.count = dialect.text(select(c["count"]).where(this, c.until > now), "this", "now")
        self.clear = dialect.text(delete(failures).where(this), "this")


class Failures:
    """Kept under a digest: the key may hold what somebody typed, of any length."""

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_FailuresSql)

    def add(self, key: str, *, now: datetime, until: datetime) -> int:
        moment = to_micros(now)
        row = self._connection.one(self._sql.add, (digest_of(key), 1, to_micros(until), moment, moment))
        assert row
        count: int = row[0]
        return count

    def count(self, key: str, *, now: datetime) -> int:
        row = self._connection.one(self._sql.count, (digest_of(key), to_micros(now)))
        return row[0] if row else 0

    def clear(self, key: str) -> None:
        self._connection.run(self._sql.clear, (digest_of(key),))
