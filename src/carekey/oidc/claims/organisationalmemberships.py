"""Scope `organisationalmemberships` (cis2-profile section 3.1): where a person belongs, and where they have a role."""

from typing import Any

from carekey.directory.model import Membership
from carekey.oidc.claims.base import Facts, Part, Scope, with_values


def _tell(facts: Facts) -> dict[str, Any]:
    with_role = {profile.membership for profile in facts.roles}
    return {
        "nhsid_org_memberships": [
            {**_place(membership, facts), **with_values({"gnc": membership.gnc})} for membership in facts.memberships
        ],
        "nhsid_org_roles": [
            _place(membership, facts) for membership in facts.memberships if membership.id in with_role
        ],
    }


def _place(membership: Membership, facts: Facts) -> dict[str, Any]:
    return {
        "person_orgid": membership.id,
        "org_name": facts.organisation_name(membership.organisation),
        "org_code": membership.organisation,
    }


SCOPE = Scope(
    name="organisationalmemberships",
    claims=("nhsid_org_memberships", "nhsid_org_roles"),
    needs=frozenset(Part),
    tell=_tell,
)
