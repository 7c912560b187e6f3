"""The scopes that there are, and what a client is told for those it was granted."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from carekey.directory.model import Person
from carekey.directory.ports import Organisations, Roles
from carekey.kernel.ids import RoleProfileId
from carekey.oidc.claims import (
    associatedorgs,
    email,
    nationalrbacaccess,
    nhsperson,
    organisationalmemberships,
    professionalmemberships,
    profile,
    selectedrole,
)
from carekey.oidc.claims.base import Facts, Part, Scope

SCOPES: Sequence[Scope] = (
    profile.SCOPE,
    email.SCOPE,
    nhsperson.SCOPE,
    associatedorgs.SCOPE,
    nationalrbacaccess.SCOPE,
    professionalmemberships.SCOPE,
    organisationalmemberships.SCOPE,
    selectedrole.SELECTED,
    selectedrole.CHANGED,
)
SCOPE_NAMES: tuple[str, ...] = ("openid", *(scope.name for scope in SCOPES))
"""What discovery announces and an authorization request may ask for."""

_BY_NAME = {scope.name: scope for scope in SCOPES}
_BY_CLAIM: dict[str, Scope] = {}
for _scope in SCOPES:
    for _claim in _scope.claims:
        _BY_CLAIM.setdefault(_claim, _scope)

CLAIM_NAMES: tuple[str, ...] = tuple(_BY_CLAIM)

Place = Literal["userinfo", "id_token"]


class ClaimsTx(Protocol):
    @property
    def roles(self) -> Roles: ...
    @property
    def organisations(self) -> Organisations: ...


def requested_by_name(requested: Mapping[str, Any], place: Place, *, allowed: frozenset[str] | None) -> frozenset[str]:
    """Claims that the `claims` parameter names for this place and that we have (OpenID Connect Core section 5.5).

    `allowed` are the scopes that the client may ask for: naming a claim gains nothing that its scope would not.
    Which value was wished for changes nothing here: what is true is told, or nothing.
    """
    members = requested.get(place)
    if not isinstance(members, Mapping):
        return frozenset()
    return frozenset(
        name
        for name in members
        if (scope := _BY_CLAIM.get(name)) is not None and (allowed is None or scope.name in allowed)
    )


def tell(
    tx: ClaimsTx,
    person: Person,
    *,
    scopes: Iterable[str],
    named: Iterable[str] = (),
    role: RoleProfileId | None,
    now: datetime,
) -> dict[str, Any]:
    """The claims of these scopes, and those named one by one."""
    granted = [_BY_NAME[name] for name in dict.fromkeys(scopes) if name in _BY_NAME]
    covered = {claim for scope in granted for claim in scope.claims}
    singly = {name: _BY_CLAIM[name] for name in sorted(named) if name not in covered}
    needs = frozenset[Part]().union(*(scope.needs for scope in (*granted, *singly.values())))
    facts = _gather(tx, person, needs, role, now)
    told: dict[str, Any] = {}
    for scope in granted:
        told.update(scope.tell(facts))
    for name, scope in singly.items():
        value = scope.tell(facts).get(name)
        if value is not None:
            told[name] = value
    return told


def _gather(tx: ClaimsTx, person: Person, needs: frozenset[Part], role: RoleProfileId | None, now: datetime) -> Facts:
    roles = tx.roles.held_by(person.id, at=now) if Part.ROLES in needs else ()
    memberships = tx.roles.memberships_of(person.id) if Part.MEMBERSHIPS in needs else ()
    codes = {role.organisation for role in roles} | {member.organisation for member in memberships}
    if Part.ORGANISATIONS not in needs:
        codes.clear()
    organisations = {found.code: found for found in tx.organisations.find(codes)} if codes else {}
    return Facts(person=person, role=role, roles=roles, memberships=memberships, organisations=organisations)
