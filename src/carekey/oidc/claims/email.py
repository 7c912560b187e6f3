"""Scope `email`. Whether an address was verified is not known, so `email_verified` is never sent
(docs/divergences.md)."""

from typing import Any

from carekey.oidc.claims.base import Facts, Scope, with_values


def _tell(facts: Facts) -> dict[str, Any]:
    return with_values({"email": facts.person.email})


SCOPE = Scope(name="email", claims=("email",), tell=_tell)
