"""Scope `professionalmemberships`: numbers with professional bodies (cis2-profile section 3.1)."""

from typing import Any

from carekey.oidc.claims.base import Facts, Scope, with_values

_CLAIMS = ("gmc_id", "gdc_id", "gmp_id", "gdp_id", "consultant_id", "rcn_id", "nmc_id", "gphc_id")


def _tell(facts: Facts) -> dict[str, Any]:
    ids = facts.person.professional_ids
    return with_values({name: getattr(ids, name) for name in _CLAIMS})


SCOPE = Scope(name="professionalmemberships", claims=_CLAIMS, tell=_tell)
