"""The one place where a session ends, so that whatever must follow an end has one place to stand."""

from datetime import datetime

from carekey.kernel import actor
from carekey.kernel.ids import CredentialId, PersonId
from carekey.sessions.events import SessionEnded, WhyEnded
from carekey.sessions.model import Session
from carekey.sessions.ports import SessionTx


def end(tx: SessionTx, session: Session, why: WhyEnded, *, now: datetime, reference: str) -> bool:
    """True for the caller that ended it; only that one is on record."""
    ended = tx.sessions.end(session.id, at=now)
    if ended:
        tx.audit.record(
            SessionEnded(
                at=now,
                actor=actor.person(session.person),
                reference=reference,
                session=session.id,
                issuer=session.issuer,
                why=why,
            )
        )
    return ended


def end_of_credential(
    tx: SessionTx, person: PersonId, credential: CredentialId, *, now: datetime, reference: str = ""
) -> int:
    """End the sessions that began with a credential that is no longer good; how many they were."""
    begun = [one for one in tx.sessions.of_person(person) if one.proof.credential == credential]
    return sum(end(tx, one, WhyEnded.CREDENTIAL_GONE, now=now, reference=reference) for one in begun)
