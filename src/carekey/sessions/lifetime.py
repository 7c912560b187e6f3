"""What a session is still good for. Source: NIST SP 800-63B sections 4.2.3 and 4.3.3; cis2-profile section 5.1."""

from datetime import datetime

from carekey.kernel.assurance import AAL
from carekey.sessions.model import Lifetimes, Session


def level(session: Session, lifetimes: Lifetimes, *, now: datetime) -> AAL | None:
    """The level that the session carries at this moment; None if it carries none any more."""
    idle = now - session.last_used_at
    if session.ended_at is not None or now - session.proof.at >= lifetimes.absolute or idle >= lifetimes.idle:
        return None
    if idle >= lifetimes.idle_aal3:
        return min(session.proof.aal, AAL.AAL2)
    return session.proof.aal


def used_at(session: Session, lifetimes: Lifetimes, *, now: datetime) -> datetime:
    """The moment to note as its last use.

    A use at a lowered level does not count: it would make an idle session good for its old level again.
    """
    return now if level(session, lifetimes, now=now) == session.proof.aal else session.last_used_at
