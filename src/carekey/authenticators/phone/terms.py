"""What phones are judged by: AppID, facets, models, levels."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from carekey.authenticators.base import Way
from carekey.authenticators.phone.push.vapid import Vapid
from carekey.authenticators.uaf import policy
from carekey.authenticators.uaf.messages import Policy
from carekey.authenticators.uaf.metadata import Model, read_statements
from carekey.authenticators.uaf.model import RelyingParty
from carekey.kernel.assurance import AAL, Amr

FACETS = "/uaf/facets"
"""Where the list of trusted facets is, and so the path of the AppID."""
ENDED = "/login/{id}/this-phone/ended"
"""Where a device learns that its registration has ended, and what to do."""
CAREKEY_PHONE = "CA4E#0001"
"""Our own model (docs/divergences.md: the vendor code is not assigned by the FIDO Alliance)."""

ELSEWHERE = Way(
    name="phone",
    title="Phone or tablet",
    hint="Approve on another device that you registered",
    levels=frozenset({AAL.AAL2}),
    amr=frozenset({Amr.UAF, Amr.IOS}),
    needs_script=False,
)
"""AAL2 at most, unless the operator accepts how a model binds its answer: nothing else proves that the phone is near the
computer (UAF reference section 24.2)."""
HERE = Way(
    name="this-phone",
    title="CareKey Phone on this device",
    hint="For phones, tablets and laptops that you registered with CareKey Phone",
    levels=frozenset({AAL.AAL2}),
    amr=frozenset({Amr.UAF}),
)
"""CareKey Phone keeps its keys in software. With models that reach AAL3 it is another choice: see `Terms.ways`."""
ENROL = Way(
    name="phone",
    title="Phone or tablet",
    hint="With CareKey Phone, which runs in its browser",
    levels=frozenset({AAL.AAL2}),
    amr=frozenset({Amr.UAF, Amr.IOS}),
    needs_script=False,
)


BOTH = frozenset({AAL.AAL2, AAL.AAL3})


@dataclass(kw_only=True)
class Terms:
    """`party` is replaced whenever newer metadata have been read."""

    party: RelyingParty
    origin: str
    """Where CareKey Phone is."""
    per_person: int = 5
    """Phones and tablets that one person may have registered."""
    conformance: bool = False
    """Whether the endpoints of the conformance tool are there: for tests alone."""
    push: Vapid | None = None
    """Who tells phones that something waits; None if nobody does."""

    @property
    def ways(self) -> tuple[Way, Way]:
        """At the levels that the operator's models reach. Which of them a device reaches, its log-in shows."""
        if not self.party.aal3_models:
            return ELSEWHERE, HERE
        elsewhere = replace(ELSEWHERE, levels=BOTH) if self.party.cross_device_aal3 else ELSEWHERE
        here = replace(
            HERE,
            title="This phone or tablet",
            hint="With the app that you registered, or CareKey Phone",
            levels=BOTH,
            amr=frozenset({Amr.UAF, Amr.IOS}),
        )
        return elsewhere, here

    def approved(self, levels: frozenset[AAL] = BOTH) -> Policy:
        """Every model that is trusted and can give one of these levels: for registration, and for a log-in by whoever
        it may be."""
        models = self.party.metadata.models.values()
        fit = [model.statement for model in models if AAL.AAL2 in levels or self.can_give_aal3(model.statement.aaid)]
        # A request must name somebody, and a client without such a model then says that it has none.
        return policy.for_unknown_person(fit or [model.statement for model in models])

    def can_give_aal3(self, aaid: str) -> bool:
        return aaid in self.party.aal3_models

    def name_of(self, aaid: str) -> str:
        model = self.party.metadata.find(aaid)
        return model.statement.description if model else aaid


def carekey_phone() -> Model:
    """The model that `web/static/phone-authenticator.js` is."""
    file = Path(__file__).parent / "carekey_phone.json"
    (model,), _ = read_statements([("CareKey Phone", json.loads(file.read_text(encoding="utf-8")))])
    return model
