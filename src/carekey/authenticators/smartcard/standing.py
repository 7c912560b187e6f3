"""What a card is worth now, in one word: its state, or that it has run out, which only its certificates say."""

from collections.abc import Sequence
from datetime import datetime

from carekey.authenticators.smartcard.model import Card, CardCertificate, CardState, Purpose

EXPIRED = "expired"


def standing(card: Card, certificates: Sequence[CardCertificate], *, now: datetime) -> str:
    """`expired` once nothing on it logs in any more. A suspended or a cancelled card stays what somebody made it."""
    ends = max((one.ends_at for one in certificates if one.purpose is Purpose.AUTHENTICATION), default=None)
    ran_out = card.state in {CardState.LOCKED, CardState.ACTIVE} and ends is not None and ends <= now
    return EXPIRED if ran_out else card.state.value
