"""What a client hears that asks whether the person has decided. Pure.

Source: RFC 8628 section 3.5; CIBA Core section 11, which took these errors over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from carekey.oidc.authorize.errors import AccessDenied
from carekey.oidc.decoupled.model import DecoupledRequest, State
from carekey.oidc.errors import OAuthError, Reason

INTERVAL = timedelta(seconds=5)
"""Between two polls (RFC 8628 section 3.2)."""
JITTER = timedelta(seconds=1)
"""A poll that the network hurried along is not one too many."""


class AuthorizationPending(OAuthError):
    code = "authorization_pending"
    usual = "The person has not decided yet"


class SlowDown(OAuthError):
    code = "slow_down"
    usual = "The person has not decided yet; wait 5 seconds longer between two requests from now on"


class ExpiredToken(OAuthError):
    code = "expired_token"
    usual = "The person did not decide in time"


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing was decided yet. That a client hears so is nothing for the record: it asks every few seconds."""

    error: AuthorizationPending | SlowDown


def judge(request: DecoupledRequest, *, now: datetime) -> Wait | OAuthError:
    """`request`: as it was before this poll."""
    if request.state is State.REFUSED:
        return AccessDenied("The person refused, or could not log in", reason=Reason.PERSON_REFUSED)
    if request.expires_at <= now:
        return ExpiredToken(reason=Reason.REQUEST_EXPIRED)
    if request.polled_at is not None and now - request.polled_at < INTERVAL - JITTER:
        return Wait(SlowDown(reason=Reason.TOO_SOON))
    # One that was agreed to in this very moment is had by the next poll.
    return Wait(AuthorizationPending(reason=Reason.PENDING))
