"""What a scope is made of, and the facts that its claims are made from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from carekey.directory.model import Membership, Organisation, Person, RoleProfile
from carekey.kernel.ids import OrganisationCode, RoleProfileId


class Part(Enum):
    """Parts of the directory that are read only if a scope wants them."""

    ROLES = auto()
    MEMBERSHIPS = auto()
    ORGANISATIONS = auto()
    """Those that the roles and memberships name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    person: Person
    role: RoleProfileId | None
    """The role in force, if the client asked for one."""
    roles: Sequence[RoleProfile] = ()
    memberships: Sequence[Membership] = ()
    organisations: Mapping[OrganisationCode, Organisation] = field(default_factory=dict)

    def organisation_name(self, code: OrganisationCode) -> str:
        """The code, if the directory has no such organisation: clients show what they find here."""
        organisation = self.organisations.get(code)
        return organisation.name if organisation else code


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    name: str
    claims: tuple[str, ...]
    """Everything that it can yield, for discovery and for the `claims` parameter."""
    needs: frozenset[Part] = frozenset()
    tell: Callable[[Facts], dict[str, Any]]
    """What it yields. Members without a value are left out; lists are always lists (cis2-profile section 2.17)."""


def with_values(members: Mapping[str, str | None]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}
