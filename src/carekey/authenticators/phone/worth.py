"""What a registration is worth now: less than then, if its model has lost since (UAF reference sections 19.4 and 24.2)."""

from datetime import datetime

from carekey.authenticators.uaf import assurance
from carekey.authenticators.uaf.model import Registration, RelyingParty
from carekey.kernel.assurance import AAL


def worth(its: Registration, party: RelyingParty, *, now: datetime) -> tuple[AAL | None, str]:
    """The level that it can give, None if it gives none any more; and what is to be said of it, if anything is."""
    model = party.metadata.find(its.aaid)
    if model is None:
        return None, "No longer accepted: we do not know its model any more"
    standing = party.metadata.standing(model, its.version, now=now, chain=its.chain)
    if not standing.may_log_in:
        if standing.blocked:
            return None, "Blocked by your organisation: this model cannot log in any more. Add another way to log in"
        if standing.update_helps:
            return None, "Not accepted until its software has been updated"
        return None, "No longer accepted: its model is not safe any more"
    level = assurance.assess(
        model.statement,
        standing,
        attestation=its.attestation,
        android_hardware=its.android_hardware,
        approved=its.aaid in party.aal3_models,
        enrolled_at=its.enrolled_at,
        near=True,
        methods=None,
    )
    return min(level, its.level), ""
