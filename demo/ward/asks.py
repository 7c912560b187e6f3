"""The log-ins that the application knows how to ask for, each for a different occasion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

SCOPES = "openid profile email nhsperson nationalrbacaccess associatedorgs professionalmemberships"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    name: str
    title: str
    hint: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    role: str | None = None
    """A scope: `selectedrole` or `changedrole`."""
    minimum_aal: int = 2
    freshness: timedelta | None = None
    """How long ago the last factor may have been given. A browser can strip `prompt` and `max_age` off the
    request, so `auth_time` in the answer is what counts."""
    same_person: bool = False
    """Whoever is logged in here has to be the one who answers."""

    @property
    def scope(self) -> str:
        return f"{SCOPES} {self.role}" if self.role else SCOPES


EITHER = {"acr_values": "AAL2_OR_AAL3_ANY"}

LOG_IN = Ask(
    name="log-in",
    title="Log in",
    hint="High or very high security, and a role.",
    parameters=EITHER,
    role="selectedrole",
)
VERY_HIGH = Ask(
    name="very-high",
    title="Log in with very high security",
    hint="A security key, smartcard or device that keeps its key to itself. No acr_values: AAL3 is the default.",
    role="selectedrole",
    minimum_aal=3,
)
NO_ROLE = Ask(
    name="no-role",
    title="Log in without choosing a role",
    hint="The application gets every role and could ask for itself.",
    parameters=EITHER,
)
AGAIN = Ask(
    name="again",
    title="Prove again that it is you",
    hint="prompt=login: a live session at the provider is not enough.",
    parameters={**EITHER, "prompt": "login"},
    role="selectedrole",
    freshness=timedelta(0),
)
RECENT = Ask(
    name="recent",
    title="Log in, unless you did in the last 5 minutes",
    hint="max_age=300.",
    parameters={**EITHER, "max_age": "300"},
    role="selectedrole",
    freshness=timedelta(minutes=5),
)
QUIET = Ask(
    name="quiet",
    title="Look whether you are logged in",
    hint="prompt=none: no page is shown. If you are not, the provider answers login_required.",
    parameters={**EITHER, "prompt": "none"},
)
CHANGE_ROLE = Ask(
    name="change-role",
    title="Change role",
    hint="Scope changedrole: the provider asks again.",
    parameters=EITHER,
    role="changedrole",
    same_person=True,
)
STEP_UP = Ask(
    name="step-up",
    title="Confirm with very high security",
    hint="acr_values=AAL3_ANY: asks only for what is missing.",
    parameters={"acr_values": "AAL3_ANY"},
    role="selectedrole",
    minimum_aal=3,
    same_person=True,
)

ASKS = {ask.name: ask for ask in (LOG_IN, VERY_HIGH, NO_ROLE, AGAIN, RECENT, QUIET, CHANGE_ROLE, STEP_UP)}
