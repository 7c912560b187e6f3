"""People, organisations, positions and roles."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from carekey.directory.model import Membership, Organisation, Person, Position, RoleProfile
from carekey.kernel.ids import MembershipId, OrganisationCode, PersonId, RoleProfileId
from carekey.storage.errors import StorageError
from carekey.storage.memory.table import Journal, Table
from carekey.storage.search import KEYS, exact_first


class People:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[PersonId, Person] = Table(journal)

    def find(self, id: PersonId) -> Person | None:
        return self._rows.get(id)

    def hold(self, id: PersonId) -> Person | None:
        return self.find(id)  # one writer at a time

    def find_by_email(self, email: str) -> Person | None:
        sharing = [person for person in self._rows if person.email and person.email.casefold() == email.casefold()]
        return sharing[0] if len(sharing) == 1 else None

    def search(self, text: str, *, limit: int) -> Sequence[Person]:
        wanted = text.strip().casefold()
        if not wanted:
            return []
        matches = [
            sorted(
                (person for person in self._rows if key(person).startswith(wanted)),
                key=lambda person, key=key: (key(person), person.id),  # type: ignore[misc]  # binds this key
            )[:limit]
            for key in KEYS
        ]
        return exact_first(wanted, matches, limit=limit)

    def put(self, people: Iterable[Person]) -> None:
        for person in people:
            self._rows.set(person.id, person)


class Organisations:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[OrganisationCode, Organisation] = Table(journal)

    def find(self, codes: Iterable[OrganisationCode]) -> Sequence[Organisation]:
        return [row for code in sorted(set(codes)) if (row := self._rows.get(code))]

    def put(self, organisations: Iterable[Organisation]) -> None:
        for organisation in organisations:
            self._rows.set(organisation.code, organisation)


class Positions:
    def __init__(self, journal: Journal) -> None:
        self._rows: Table[str, Position] = Table(journal)

    def find(self, id: str) -> Position | None:
        return self._rows.get(id)

    def put(self, positions: Iterable[Position]) -> None:
        for position in positions:
            self._rows.set(position.id, position)


class Roles:
    def __init__(self, journal: Journal) -> None:
        self._memberships: Table[MembershipId, Membership] = Table(journal)
        self._profiles: Table[RoleProfileId, RoleProfile] = Table(journal)

    def held_by(self, person: PersonId, *, at: datetime) -> Sequence[RoleProfile]:
        held = [profile for profile in self._profiles if profile.person == person and profile.held_at(at)]
        return sorted(held, key=lambda profile: profile.id)

    def granted_to(self, person: PersonId) -> Sequence[RoleProfile]:
        return sorted((row for row in self._profiles if row.person == person), key=lambda profile: profile.id)

    def memberships_of(self, person: PersonId) -> Sequence[Membership]:
        own = [membership for membership in self._memberships if membership.person == person]
        return sorted(own, key=lambda membership: membership.id)

    def find(self, ids: Iterable[RoleProfileId]) -> Sequence[RoleProfile]:
        return [row for id in sorted(set(ids)) if (row := self._profiles.get(id))]

    def find_memberships(self, ids: Iterable[MembershipId]) -> Sequence[Membership]:
        return [row for id in sorted(set(ids)) if (row := self._memberships.get(id))]

    def put(self, memberships: Iterable[Membership], profiles: Iterable[RoleProfile]) -> None:
        for membership in memberships:
            self._memberships.set(membership.id, membership)
        for profile in profiles:
            if self._memberships.get(profile.membership) is None:
                raise StorageError("A role profile names a membership that does not exist: give the membership first.")
            self._profiles.set(profile.id, profile)
