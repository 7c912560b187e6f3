"""Which ways to log in a person has, and what they may do with each. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from carekey.account.log_in import FRESH
from carekey.authenticators.base import Credential
from carekey.authenticators.http import Authenticator, Described
from carekey.kernel.assurance import AAL
from carekey.sessions.model import Session
from carekey.web import dates


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of them in words, for the page."""

    id: str
    described: Described
    added: str
    last_used: str

    @property
    def security(self) -> str:
        level = self.described.aal
        return "No longer works" if level is None else "Very high" if level is AAL.AAL3 else "High"

    @property
    def to_remove(self) -> AAL:
        """The level of log-in that it takes: no lower one takes a higher one away."""
        return max(self.described.aal or AAL.AAL2, AAL.AAL2)


def listed(held: Sequence[Credential], authenticators: Mapping[str, Authenticator]) -> list[Way]:
    """Those that this installation still knows how to use, in words."""
    return [
        Way(
            id=one.id,
            described=authenticators[one.kind].describe(one),
            added=dates.day(one.created_at),
            last_used=dates.day_and_time(one.last_used_at) if one.last_used_at else "Never",
        )
        for one in held
        if one.kind in authenticators and not authenticators[one.kind].sandbox_only
    ]


def is_last(way: Way, ways: Sequence[Way]) -> bool:
    """Whether nothing that works would be left."""
    return not any(other.described.aal for other in ways if other.id != way.id)


def fresh(session: Session, level: AAL | None, needed: AAL, *, now: datetime) -> bool:
    """Whether the person proved who they are just now, and strongly enough."""
    return level is not None and level >= needed and now - session.proof.at < timedelta(seconds=FRESH)
