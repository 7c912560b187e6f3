"""From "these cards are in my readers" to the sessions that it concerns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from carekey.authenticators.smartcard.model import CardId
from carekey.kernel import actor
from carekey.kernel.ids import CredentialId, PersonId
from carekey.sessions import ending
from carekey.sessions.events import SessionLocked, WhyEnded
from carekey.sessions.model import SMARTCARD, CardPlace, Session
from carekey.workstations.events import CardPutIn, CardTakenOut
from carekey.workstations.model import WhenCardLeaves, WorkstationId
from carekey.workstations.ports import WorkstationTx
from carekey.workstations.statement import LATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """How many cards came and went, and what became of sessions."""

    came: int = 0
    left: int = 0
    sessions: int = 0


def update(
    tx: WorkstationTx,
    workstation: WorkstationId,
    cards: Mapping[CredentialId, PersonId],
    *,
    policy: WhenCardLeaves,
    now: datetime,
) -> Changed:
    """Note which cards are at a workstation, and do what the policy wants about those that are there no more."""
    before = {place.card: place for place in tx.card_places.at(workstation)}
    sessions = 0
    gone = [place for card, place in before.items() if card not in cards]
    for place in gone:
        sessions += _left(tx, place, policy=policy, now=now)
    came = {card: person for card, person in cards.items() if card not in before}
    for card, person in came.items():
        was = tx.card_places.find(card)
        if was is not None and was.left_at is None:
            # A card is in one place: its removal there was never told, perhaps because the network was down.
            sessions += _left(tx, was, policy=policy, now=now, seen_at=workstation)
        tx.card_places.put_in(card, workstation, at=now)
        tx.audit.record(
            CardPutIn(at=now, actor=_companion(workstation), workstation=workstation, card=card, person=person)
        )
    return Changed(came=len(came), left=len(gone), sessions=sessions)


def _left(tx: WorkstationTx, place: CardPlace, *, policy: WhenCardLeaves, now: datetime, seen_at: str = "") -> int:
    """First of all it is taken out: a log-in that is about to end sees that, or else its session is seen here."""
    if policy is WhenCardLeaves.NOTHING:
        gone = tx.card_places.forget(place.card, place.workstation)
    else:
        gone = tx.card_places.take_out(place.card, place.workstation, at=now)
    if not gone:
        return 0
    card = tx.cards.find(CardId(place.card))
    if card is None:
        return 0
    by = _companion(seen_at or place.workstation)
    touched = 0
    if policy is not WhenCardLeaves.NOTHING:
        for session in tx.sessions.of_person(card.person):
            if began_there(session, place):
                touched += _apply(tx, session, policy, by=by, now=now)
    tx.audit.record(
        CardTakenOut(
            at=now,
            actor=by,
            workstation=place.workstation,
            card=place.card,
            person=card.person,
            policy=policy,
            sessions=touched,
            seen_at=seen_at,
        )
    )
    return touched


def began_there(session: Session, place: CardPlace) -> bool:
    """Whether it rests on this card, used while the card was at this workstation. A card is in one place at a time, so
    neither browser nor address has to be believed. The card is told of a moment after it came; people are slower."""
    proof = session.proof
    return proof.kind == SMARTCARD and proof.credential == place.card and proof.at >= place.since - LATE


def _apply(tx: WorkstationTx, session: Session, policy: WhenCardLeaves, *, by: actor.Actor, now: datetime) -> bool:
    if policy is WhenCardLeaves.END:
        return ending.end(tx, session, WhyEnded.CARD_REMOVED, now=now, by=by)
    locked = tx.sessions.lock(session.id, at=now)
    if locked:
        tx.audit.record(
            SessionLocked(at=now, actor=by, session=session.id, issuer=session.issuer, person=session.person)
        )
    return locked


def _companion(workstation: str) -> actor.Actor:
    return actor.system(f"workstation {workstation}")
