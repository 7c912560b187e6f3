"""Scopes `selectedrole` and `changedrole`: the one role in force (cis2-profile section 5.4).

They differ in what log-in asks the person, not in what is told.
"""

from typing import Any

from carekey.oidc.claims.base import Facts, Scope, with_values


def _tell(facts: Facts) -> dict[str, Any]:
    return with_values({"selected_roleid": facts.role})


SELECTED = Scope(name="selectedrole", claims=("selected_roleid",), tell=_tell)
CHANGED = Scope(name="changedrole", claims=("selected_roleid",), tell=_tell)
