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
    if role.activities:
        told["activities"], told["activity_codes"] = _names_and_codes(role.activities)
    if role.workgroups:
        told["workgroups"], told["workgroups_codes"] = _names_and_codes(role.workgroups)
    if role.areas_of_work:
        told["aow"], told["aow_codes"] = _names_and_codes(role.areas_of_work)
    return told


def _names_and_codes(values: Sequence[Coded]) -> tuple[list[str], list[str]]:
    return [value.name for value in values], [value.code for value in values]


SCOPE = Scope(name="nationalrbacaccess", claims=("nhsid_nrbac_roles",), needs=frozenset({Part.ROLES}), tell=_tell)
