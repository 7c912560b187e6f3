"""The one place where a session ends: whatever was issued in it stops working, and every application is told."""

from collections.abc import Callable
from datetime import datetime

from carekey.kernel import actor
from carekey.kernel.actor import Actor
from carekey.kernel.ids import PersonId
from carekey.sessions.events import SessionEnded, WhyEnded
from carekey.sessions.model import Session
from carekey.sessions.ports import SessionTx


def end(
    tx: SessionTx, session: Session, why: WhyEnded, *, now: datetime, reference: str = "", by: Actor | None = None
) -> bool:
    """True for the caller that ended it; only that one is on record, and only that one has the applications told.
    `by`: who did it, if not the person."""
    ended = tx.sessions.end(session.id, at=now)
    if ended:
        tx.logout_deliveries.queue(session, at=now)
        tx.audit.record(
            SessionEnded(
                at=now,
                actor=by or actor.person(session.person),
                reference=reference,
                session=session.id,
                issuer=session.issuer,
                person=session.person,
                why=why,
            )
        )
    return ended


def end_all(
    tx: SessionTx,
    person: PersonId,
    why: WhyEnded,
    *,
    now: datetime,
    by: Actor,
    which: Callable[[Session], bool] = lambda _: True,
) -> int:
    """End the sessions of a person, of every issuer; how many there were. One that a log-in starts at this moment is
    among them, or finds what was changed before this."""
    tx.people.hold(person)
    return sum(end(tx, session, why, now=now, by=by) for session in tx.sessions.of_person(person) if which(session))
