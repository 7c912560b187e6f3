"""Scope `nhsperson` (cis2-profile section 3.1)."""

from typing import Any

from carekey.oidc.claims.base import Facts, Scope, with_values


def _tell(facts: Facts) -> dict[str, Any]:
    person = facts.person
    return with_values(
        {
            "nhsid_useruid": person.id,
            "title": person.title,
            "initials": person.initials,
            "middle_names": person.middle_names,
            "display_name": person.display_name or person.name,
            "idassurancelevel": str(int(person.ial)),
        }
    )


SCOPE = Scope(
    name="nhsperson",
    claims=("nhsid_useruid", "title", "initials", "middle_names", "display_name", "idassurancelevel"),
    tell=_tell,
)
