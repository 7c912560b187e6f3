"""People, organisations, positions and roles."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec
from sqlalchemy import bindparam, or_, select

from carekey.directory.model import (
    Membership,
    Organisation,
    Person,
    PersonStatus,
    Position,
    ProfessionalIds,
    Role,
    RoleProfile,
)
from carekey.kernel.assurance import IAL
from carekey.kernel.ids import MembershipId, OrganisationCode, PersonId, RoleProfileId
from carekey.storage.encoding import from_micros, to_json, to_micros
from carekey.storage.search import exact_first
from carekey.storage.sql.connection import Connection, Row, Value
from carekey.storage.sql.dialect import NUMBER, TEXT, Dialect, at_most, given
from carekey.storage.sql.schema import memberships, organisations, people, positions, role_profiles

_NONE = ProfessionalIds()
_LAST = "\U0010ffff"
"""Sorts after every continuation of a prefix."""

_CODES_AT_ONCE = 64

_professional_ids = msgspec.json.Decoder(ProfessionalIds)
_roles = msgspec.json.Decoder(tuple[Role, ...])

_read_role = lru_cache(maxsize=1024)(msgspec.json.Decoder(Role).decode)
"""Few distinct roles are held by many people.

What cannot be changed may be kept: the decoded form is found again by the row that the database gave, so it is never
older than the row. A log-in looks at the same person and roles three or four times within seconds."""


@lru_cache(maxsize=1024)
def _write_role(role: Role) -> str:
    given = {"code": role.code, "name": role.name}
    parts = {"activities": role.activities, "workgroups": role.workgroups, "areas_of_work": role.areas_of_work}
    return to_json(given | {name: part for name, part in parts.items() if part})


@lru_cache(maxsize=1024)
def _person(row: Row) -> Person:
    id, given, family, title, middle, initials, display, email, ial, status, professional = row
    return Person(
        id=id,
        given_name=given,
        family_name=family,
        title=title,
        middle_names=middle,
        initials=initials,
        display_name=display,
        email=email,
        ial=IAL(ial),
        status=PersonStatus(status),
        professional_ids=_professional_ids.decode(professional) if professional else _NONE,
    )


def _person_row(person: Person) -> tuple[Value, ...]:
    return (
        person.id,
        person.given_name,
        person.family_name,
        person.title,
        person.middle_names,
        person.initials,
        person.display_name,
        person.email,
        int(person.ial),
        person.status.value,
        None if person.professional_ids == _NONE else to_json(person.professional_ids),
        person.family_name.casefold(),
        person.email.casefold() if person.email else None,
    )


class _PeopleSql:
    def __init__(self, dialect: Dialect) -> None:
        person = select(*list(people.c)[:11])
        low, high = given("low", TEXT), given("high", TEXT)
        self.put = dialect.put(people, "id")
        self.find = dialect.text(person.where(people.c.id == bindparam("id")), "id")
        # PostgreSQL waits for the other; SQLite has one writer.
        self.hold = dialect.text(person.where(people.c.id == bindparam("id")).with_for_update(), "id")
        self.by_email = dialect.text(person.where(people.c.email_key == bindparam("email")), "email")
        self.beginning = [
            dialect.text(
                at_most(person.where(column >= low, column < high).order_by(column, people.c.id)),
                "low",
                "high",
                "limit",
            )
            for column in (people.c.family_key, people.c.email_key, people.c.id)
        ]
        """In the order of `search.KEYS`."""


class People:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_PeopleSql)

    def find(self, id: PersonId) -> Person | None:
        row = self._connection.one(self._sql.find, (id,))
        return None if row is None else _person(row)

    def hold(self, id: PersonId) -> Person | None:
        row = self._connection.one(self._sql.hold, (id,))
        return None if row is None else _person(row)

    def find_by_email(self, email: str) -> Person | None:
        rows = self._connection.all(self._sql.by_email, (email.casefold(),))
        return _person(rows[0]) if len(rows) == 1 else None

    def search(self, text: str, *, limit: int) -> Sequence[Person]:
        wanted = text.strip().casefold()
        if not wanted:
            return []
        matches = [
            [_person(row) for row in self._connection.all(sql, (wanted, wanted + _LAST, limit))]
            for sql in self._sql.beginning
        ]
        return exact_first(wanted, matches, limit=limit)

    def put(self, people: Iterable[Person]) -> None:
        self._connection.many(self._sql.put, map(_person_row, people))


class _OrganisationsSql:
    def __init__(self, dialect: Dialect) -> None:
        self.put = dialect.put(organisations, "code")
        self._dialect = dialect
        self._find: dict[int, str] = {}

    def find(self, size: int) -> str:
        """For so many codes."""
        if size not in self._find:
            names = [f"code_{position}" for position in range(size)]
            statement = select(organisations.c.code, organisations.c.name)
            statement = statement.where(organisations.c.code.in_([bindparam(name) for name in names]))
            self._find[size] = self._dialect.text(statement, *names)
        return self._find[size]


@lru_cache(maxsize=4096)
def _organisation(row: Row) -> Organisation:
    code, name = row
    return Organisation(code=code, name=name)


class Organisations:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_OrganisationsSql)

    def find(self, codes: Iterable[OrganisationCode]) -> Sequence[Organisation]:
        wanted = sorted(set(codes))
        rows: list[Row] = []
        for start in range(0, len(wanted), _CODES_AT_ONCE):
            part = wanted[start : start + _CODES_AT_ONCE]
            rows += self._connection.all(self._sql.find(len(part)), part)
        return [_organisation(row) for row in sorted(rows)]

    def put(self, organisations: Iterable[Organisation]) -> None:
        self._connection.many(self._sql.put, ((each.code, each.name) for each in organisations))


class _PositionsSql:
    def __init__(self, dialect: Dialect) -> None:
        self.put = dialect.put(positions, "id")
        self.find = dialect.text(select(*positions.c).where(positions.c.id == bindparam("id")), "id")


class Positions:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_PositionsSql)

    def find(self, id: str) -> Position | None:
        row = self._connection.one(self._sql.find, (id,))
        if row is None:
            return None
        id, organisation, name, roles = row
        return Position(id=id, organisation=OrganisationCode(organisation), name=name, roles=_roles.decode(roles))

    def put(self, positions: Iterable[Position]) -> None:
        rows = ((each.id, each.organisation, each.name, to_json(each.roles)) for each in positions)
        self._connection.many(self._sql.put, rows)


class _RolesSql:
    def __init__(self, dialect: Dialect) -> None:
        profile, at = role_profiles.c, given("at", NUMBER)
        self.put_membership = dialect.put(memberships, "id")
        self.put_profile = dialect.put(role_profiles, "id")
        self.memberships = dialect.text(
            select(*memberships.c).where(memberships.c.person == bindparam("person")).order_by(memberships.c.id),
            "person",
        )
        self.membership = dialect.text(select(*memberships.c).where(memberships.c.id == bindparam("id")), "id")
        self.profile = dialect.text(select(*profile).where(profile.id == bindparam("id")), "id")
        self.granted = dialect.text(
            select(*profile).where(profile.person == bindparam("person")).order_by(profile.id), "person"
        )
        self.held = dialect.text(
            select(*profile)
            .where(
                profile.person == bindparam("person"),
                or_(profile.starts.is_(None), profile.starts <= at),
                or_(profile.ends.is_(None), at < profile.ends),
            )
            .order_by(profile.id),
            "person",
            "at",
            "at",
        )


class Roles:
    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._sql = dialect.prepared(_RolesSql)

    def held_by(self, person: PersonId, *, at: datetime) -> Sequence[RoleProfile]:
        moment = to_micros(at)
        return [_profile(row) for row in self._connection.all(self._sql.held, (person, moment, moment))]

    def granted_to(self, person: PersonId) -> Sequence[RoleProfile]:
        return [_profile(row) for row in self._connection.all(self._sql.granted, (person,))]

    def memberships_of(self, person: PersonId) -> Sequence[Membership]:
        return [_membership(row) for row in self._connection.all(self._sql.memberships, (person,))]

    def find(self, ids: Iterable[RoleProfileId]) -> Sequence[RoleProfile]:
        rows = (self._connection.one(self._sql.profile, (id,)) for id in sorted(set(ids)))
        return [_profile(row) for row in rows if row]

    def find_memberships(self, ids: Iterable[MembershipId]) -> Sequence[Membership]:
        rows = (self._connection.one(self._sql.membership, (id,)) for id in sorted(set(ids)))
        return [_membership(row) for row in rows if row]

    def put(self, memberships: Iterable[Membership], profiles: Iterable[RoleProfile]) -> None:
        rows = ((each.id, each.person, each.organisation, each.gnc) for each in memberships)
        self._connection.many(self._sql.put_membership, rows)
        self._connection.many(self._sql.put_profile, map(_profile_row, profiles))


@lru_cache(maxsize=4096)
def _membership(row: Row) -> Membership:
    id, person, organisation, gnc = row
    return Membership(id=id, person=person, organisation=organisation, gnc=gnc)


@lru_cache(maxsize=4096)
def _profile(row: Row) -> RoleProfile:
    person, id, membership, organisation, role, position, starts, ends = row
    return RoleProfile(
        id=id,
        person=person,
        membership=membership,
        organisation=organisation,
        role=_read_role(role),
        position=position,
        starts=None if starts is None else from_micros(starts),
        ends=None if ends is None else from_micros(ends),
    )


def _profile_row(profile: RoleProfile) -> tuple[Value, ...]:
    return (
        profile.person,
        profile.id,
        profile.membership,
        profile.organisation,
        _write_role(profile.role),
        profile.position,
        None if profile.starts is None else to_micros(profile.starts),
        None if profile.ends is None else to_micros(profile.ends),
    )
