"""What an application's answer to a logout token means, and when to try again. Pure.

Sources: OpenID Connect Back-Channel Logout 1.0 section 2.8; cis2-profile section 5.5 for what real ones answer.
"""

from dataclasses import dataclass
from datetime import timedelta

from carekey.sessions.model import DeliveryState

AFTER = (timedelta(seconds=10), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=5))
"""A little and never for ever: an application that ends every session of the person, whatever the `sid`, must not
end tomorrow's because of today's."""

_DONE = frozenset({200, 204})
"""204 is what some frameworks make of a 200 without a body."""
_FINAL = frozenset({501})
"""The platform does not know the session, and will not know it later."""


@dataclass(frozen=True, slots=True)
class Verdict:
    state: DeliveryState
    again_after: timedelta | None = None


def judge(status: int | None, *, tries: int) -> Verdict:
    """`status`: None if there was no answer. `tries`: this one included."""
    if status in _DONE:
        return Verdict(DeliveryState.DELIVERED)
    if status in _FINAL or tries > len(AFTER):
        return Verdict(DeliveryState.GIVEN_UP)
    return Verdict(DeliveryState.WAITING, AFTER[tries - 1])
