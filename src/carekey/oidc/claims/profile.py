"""Scope `profile` (OpenID Connect Core section 5.4; cis2-profile section 3.1)."""

from typing import Any

from carekey.oidc.claims.base import Facts, Scope, with_values


def _tell(facts: Facts) -> dict[str, Any]:
    person = facts.person
    return with_values(
        {"uid": person.id, "name": person.name, "given_name": person.given_name, "family_name": person.family_name}
    )


SCOPE = Scope(name="profile", claims=("uid", "name", "given_name", "family_name"), tell=_tell)
