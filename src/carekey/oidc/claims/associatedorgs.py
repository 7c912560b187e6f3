"""Scope `associatedorgs`: the organisations that a person belongs to or has a role at (cis2-profile section 3.3)."""

from typing import Any

from carekey.oidc.claims.base import Facts, Part, Scope


def _tell(facts: Facts) -> dict[str, Any]:
    named = [member.organisation for member in facts.memberships] + [role.organisation for role in facts.roles]
    return {
        "nhsid_user_orgs": [
            {"org_name": facts.organisation_name(code), "org_code": code} for code in dict.fromkeys(named)
        ]
    }


SCOPE = Scope(name="associatedorgs", claims=("nhsid_user_orgs",), needs=frozenset(Part), tell=_tell)
