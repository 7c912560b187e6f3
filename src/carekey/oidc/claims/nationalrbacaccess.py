"""Scope `nationalrbacaccess`: every role that a person holds (cis2-profile sections 3.2 to 3.5)."""

from collections.abc import Sequence
from typing import Any

from carekey.directory.model import Coded, RoleProfile
from carekey.oidc.claims.base import Facts, Part, Scope


def _tell(facts: Facts) -> dict[str, Any]:
    return {"nhsid_nrbac_roles": [_role(profile) for profile in facts.roles]}


def _role(profile: RoleProfile) -> dict[str, Any]:
    role = profile.role
    told: dict[str, Any] = {
        "person_orgid": profile.membership,
        "person_roleid": profile.id,
        "org_code": profile.organisation,
        "role_name": role.name,
        "role_code": role.code,
    }
    # The names of the members are uneven on purpose: they are CIS2's.
    _add(told, "activities", "activity_codes", role.activities)
    _add(told, "workgroups", "workgroups_codes", role.workgroups)
    _add(told, "aow", "aow_codes", role.areas_of_work)
    return told


def _add(told: dict[str, Any], names: str, codes: str, values: Sequence[Coded]) -> None:
    if values:
        told[names] = [value.name for value in values]
        told[codes] = [value.code for value in values]


SCOPE = Scope(name="nationalrbacaccess", claims=("nhsid_nrbac_roles",), needs=frozenset({Part.ROLES}), tell=_tell)
