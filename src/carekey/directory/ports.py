"""What the directory needs of a store, and what other slices may ask of the directory."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from carekey.directory.model import Membership, Organisation, Person, Position, RoleProfile
from carekey.kernel.event import Recorder
from carekey.kernel.ids import MembershipId, OrganisationCode, PersonId, RoleProfileId


class People(Protocol):
    def find(self, id: PersonId) -> Person | None: ...

    def hold(self, id: PersonId) -> Person | None:
        """Find, and let nobody else hold or put this person until the transaction ends: a log-in that ends and what
        ends the person's sessions see each other."""
        ...

    def find_by_email(self, email: str) -> Person | None:
        """The person with this address, ignoring case. None if several share it."""
        ...

    def search(self, text: str, *, limit: int) -> Sequence[Person]:
        """People whose id, e-mail or family name begins with the text, exact matches first."""
        ...

    def put(self, people: Iterable[Person]) -> None:
        """Insert or replace, by id."""
        ...


class Organisations(Protocol):
    def find(self, codes: Iterable[OrganisationCode]) -> Sequence[Organisation]: ...

    def put(self, organisations: Iterable[Organisation]) -> None: ...


class Positions(Protocol):
    def find(self, id: str) -> Position | None: ...

    def put(self, positions: Iterable[Position]) -> None: ...


class Roles(Protocol):
    """Memberships and role profiles."""

    def held_by(self, person: PersonId, *, at: datetime) -> Sequence[RoleProfile]:
        """The role profiles in force at that moment, in the order of their ids."""
        ...

    def granted_to(self, person: PersonId) -> Sequence[RoleProfile]:
        """Every role profile the person was ever given, past and future ones included, in the order of their ids."""
        ...

    def memberships_of(self, person: PersonId) -> Sequence[Membership]: ...

    def find(self, ids: Iterable[RoleProfileId]) -> Sequence[RoleProfile]:
        """Those that exist, whoever holds them and whatever their period."""
        ...

    def find_memberships(self, ids: Iterable[MembershipId]) -> Sequence[Membership]:
        """Those that exist."""
        ...

    def put(self, memberships: Iterable[Membership], profiles: Iterable[RoleProfile]) -> None:
        """Insert or replace, by id. A profile's membership must exist or be given."""
        ...


class DirectoryTx(Protocol):
    @property
    def people(self) -> People: ...
    @property
    def organisations(self) -> Organisations: ...
    @property
    def positions(self) -> Positions: ...
    @property
    def roles(self) -> Roles: ...
    @property
    def audit(self) -> Recorder: ...
