"""A log-in's units of work: begin, look, go on, end."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from carekey.authenticators.base import Verified, Way
from carekey.kernel import actor, entropy
from carekey.kernel.entropy import Entropy
from carekey.kernel.ids import IssuerName, LoginId, PersonId, RoleProfileId
from carekey.kernel.secret import Secret, digest
from carekey.login import consent
from carekey.login.events import AccountChosen, LoginFinished, LoginRefused, LoginStarted, RoleChosen
from carekey.login.held_session import HeldSessions, SessionGone
from carekey.login.model import Asked, Issue, Login, Outcome, RoleAsked, Rules
from carekey.login.policy import (
    ChooseAccount,
    ChooseRole,
    Offer,
    Refusal,
    Refuse,
    Share,
    SoFar,
    Step,
    next_step,
    offer,
    without_pages,
)
from carekey.login.ports import Application, LoginTx
from carekey.sessions import ending, lifetime
from carekey.sessions.events import WhyEnded
from carekey.sessions.model import SMARTCARD, CardPlace

TxT = TypeVar("TxT", bound=LoginTx)


class Shut(StrEnum):
    """Why nobody goes on with a log-in."""

    UNKNOWN = "unknown"
    FINISHED = "finished"
    EXPIRED = "expired"
    FOREIGN = "foreign"
    """Begun in another browser."""
    SWITCHED_OFF = "switched_off"
    """The application is, by an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """What a browser brings along: digests of its cookies, and the network zone it comes from."""

    login: bytes | None = None
    session: Callable[[IssuerName], bytes | None]
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A log-in that is open to this visitor, and what comes next in it."""

    login: Login
    so_far: SoFar
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A log-in that is not: `why`. The log-in itself, for the way back, if it exists."""

    why: Shut
    login: Login | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """This caller ended it, and has the answer for the application."""

    login: Login
    answer: Any
    session: Secret | None = None
    """For the cookie, if a new session was started."""


class Journey(Generic[TxT]):
    def __init__(
        self,
        *,
        rules: Mapping[IssuerName, Rules],
        ways: Sequence[Way],
        application: Application[TxT],
        entropy: Entropy,
        in_force: Callable[[TxT, Verified], bool],
    ) -> None:
        """`ways`: every way that the installation has; each issuer's rules name its own. `in_force`: whether what a
        proof was given with may still be used.

        Raises: KeyError, if rules name a way that there is not."""
        named = {way.name: way for way in ways}
        self.rules = rules
        self._ways = {issuer: tuple(named[name] for name in its.ways) for issuer, its in rules.items()}
        self.sessions = HeldSessions(rules=rules, entropy=entropy, in_force=in_force)
        self._application = application
        self._entropy = entropy
        self._in_force = in_force

    def offer(self, issuer: IssuerName, asked: Asked, zone: str) -> Offer:
        its = self.rules[issuer]
        return offer(asked, self._ways[issuer], its.ways, zone, yields=its.yields)

    def prepare(
        self, issuer: IssuerName, asked: Asked, request: bytes, *, reference: str, now: datetime
    ) -> tuple[Login, Secret]:
        """A new log-in, and the secret for the cookie of the browser that begins it."""
        secret = Secret(entropy.token(self._entropy))
        login = Login(
            id=LoginId(entropy.token(self._entropy, size=16)),
            issuer=issuer,
            browser=digest(secret.reveal()),
            reference=reference,
            asked=asked,
            request=request,
            started_at=now,
            expires_at=now + self.rules[issuer].lifetime,
        )
        return login, secret

    def start(self, tx: TxT, login: Login) -> None:
        tx.logins.start(login)
        tx.audit.record(
            LoginStarted(
                at=login.started_at,
                actor=actor.client(login.asked.client),
                reference=login.reference,
                login=login.id,
                issuer=login.issuer,
                client=login.asked.client,
                acr=login.asked.acr,
            )
        )

    def open(self, tx: TxT, id: LoginId, visitor: Visitor, *, now: datetime) -> Login | Closed:
        login = tx.logins.find(id)
        if login is None or login.issuer not in self.rules:
            return Closed(why=Shut.UNKNOWN)
        if login.ended_at is not None:
            return Closed(why=Shut.FINISHED, login=login)
        if now >= login.expires_at:
            return Closed(why=Shut.EXPIRED, login=login)
        if visitor.login is None or not hmac.compare_digest(visitor.login, login.browser):
            return Closed(why=Shut.FOREIGN, login=login)
        if self._application.stopped(tx, login):
            return Closed(why=Shut.SWITCHED_OFF, login=login)
        return login

    def facts(
        self,
        tx: TxT,
        issuer: IssuerName,
        asked: Asked,
        visitor: Visitor,
        *,
        now: datetime,
        proof: Verified | None = None,
        role: RoleProfileId | None = None,
        account: PersonId | None = None,
    ) -> SoFar:
        """Everything that `policy.next_step` needs to know."""
        given = visitor.session(issuer)
        session = tx.sessions.find(given) if given is not None else None
        if session is not None and (session.issuer != issuer or session.ended_at is not None):
            session = None
        level = lifetime.level(session, self.rules[issuer].sessions, now=now) if session else None
        who = proof.person if proof else session.person if session and level else None
        agreed = consent.agreed(tx, who, issuer, asked, now=now) if who and asked.share else False
        return SoFar(
            offer=self.offer(issuer, asked, visitor.zone),
            proof=proof,
            session=session,
            level=level,
            person=tx.people.find(who) if who else None,
            roles=tx.roles.held_by(who, at=now) if who and asked.role is not RoleAsked.NO else (),
            role=role,
            shared_before=agreed,
            chooser=self.rules[issuer].chooser,
            account=account,
        )

    def look(self, tx: TxT, id: LoginId, visitor: Visitor, *, now: datetime) -> Standing | Closed:
        login = self.open(tx, id, visitor, now=now)
        if isinstance(login, Closed):
            return login
        proof = None if self._withdrawn(tx, login, visitor) else login.proof
        so_far = self.facts(
            tx,
            login.issuer,
            login.asked,
            visitor,
            now=now,
            proof=proof,
            role=login.role,
            account=login.account,
        )
        return Standing(login=login, so_far=so_far, step=next_step(login.asked, so_far, now=now))

    def _withdrawn(self, tx: TxT, login: Login, visitor: Visitor) -> bool:
        """Whether somebody else has logged in in this browser since, in another tab; or the card has been taken out, or
        the way to log in away."""
        proof = login.proof
        if proof is None:
            return False
        if not self._in_force(tx, proof):
            return True
        given = visitor.session(login.issuer)
        other = tx.sessions.find(given) if given is not None else None
        if other is not None and other.ended_at is None and other.person != proof.person and other.proof.at > proof.at:
            return True
        return proof.kind == SMARTCARD and _taken_out(tx.card_places.find(proof.credential), proof)

    def advance(self, tx: TxT, id: LoginId, visitor: Visitor, *, now: datetime) -> Standing | Closed | Ended:
        """Look, and if nothing is missing, or nothing may be asked, end the log-in with an answer.

        Raises: SessionGone."""
        at = self.look(tx, id, visitor, now=now)
        return at if isinstance(at, Closed) else self._end_if_due(tx, at, now=now)

    def go_on_as(
        self, tx: TxT, id: LoginId, visitor: Visitor, person: str, *, now: datetime
    ) -> Standing | Closed | Ended:
        """“It is I”, if that was the question and this is still the person of the session. Raises: SessionGone."""
        at = self.look(tx, id, visitor, now=now)
        if isinstance(at, Closed) or not isinstance(at.step, ChooseAccount) or at.step.person.id != person:
            return at
        if not tx.logins.go_on_as(id, at.step.person.id):
            return Closed(why=Shut.FINISHED, login=at.login)
        login = replace(at.login, account=at.step.person.id)
        tx.audit.record(
            AccountChosen(
                at=now,
                actor=actor.person(at.step.person.id),
                reference=login.reference,
                login=id,
                client=login.asked.client,
            )
        )
        so_far = replace(at.so_far, account=login.account)
        return self._end_if_due(
            tx, Standing(login=login, so_far=so_far, step=next_step(login.asked, so_far, now=now)), now=now
        )

    def choose(self, tx: TxT, id: LoginId, visitor: Visitor, role: str, *, now: datetime) -> Standing | Closed | Ended:
        """Keep the role if it is one of those to choose from, and go on. Raises: SessionGone."""
        at = self.look(tx, id, visitor, now=now)
        if isinstance(at, Closed) or not isinstance(at.step, ChooseRole):
            return at
        chosen = next((profile.id for profile in at.step.profiles if profile.id == role), None)
        if chosen is None:
            return at
        if not tx.logins.choose(id, chosen):
            return Closed(why=Shut.FINISHED, login=at.login)
        assert at.so_far.person is not None
        tx.audit.record(
            RoleChosen(
                at=now,
                actor=actor.person(at.so_far.person.id),
                reference=at.login.reference,
                login=id,
                role=chosen,
            )
        )
        so_far = replace(at.so_far, role=chosen)
        step = next_step(at.login.asked, so_far, now=now)
        return self._end_if_due(tx, replace(at, so_far=so_far, step=step), now=now)

    def share(self, tx: TxT, id: LoginId, visitor: Visitor, person: str, *, now: datetime) -> Standing | Closed | Ended:
        """The person whom the page asked agrees, and goes on. If it is somebody else who is logged in by now, they have
        not been asked. Raises: SessionGone."""
        at = self.look(tx, id, visitor, now=now)
        if isinstance(at, Closed) or not isinstance(at.step, Share):
            return at
        assert at.so_far.person is not None
        if at.so_far.person.id != person:
            return at
        so_far = replace(at.so_far, shared=True)
        step = next_step(at.login.asked, so_far, now=now)
        return self._end_if_due(tx, replace(at, so_far=so_far, step=step), now=now)

    def someone_else(self, tx: TxT, id: LoginId, visitor: Visitor, *, now: datetime) -> Login | Closed:
        """Whoever sits there now is not the one who is logged in: that one's session ends, and nothing of them is
        shown any more, whether or not anybody goes on with this log-in."""
        login = self.open(tx, id, visitor, now=now)
        if isinstance(login, Closed):
            return login
        if not tx.logins.restart(id):
            return Closed(why=Shut.FINISHED, login=login)
        given = visitor.session(login.issuer)
        session = tx.sessions.find(given) if given is not None else None
        if session is not None and session.issuer == login.issuer:
            ending.end(tx, session, WhyEnded.SOMEONE_ELSE, now=now, reference=login.reference)
        return login

    def give_up(self, tx: TxT, id: LoginId, visitor: Visitor, why: Refusal, *, now: datetime) -> Closed | Ended:
        """The person goes back to the application, for whatever reason there is to name, else for `why`."""
        at = self.look(tx, id, visitor, now=now)
        if isinstance(at, Closed):
            return at
        return self._refuse(tx, at, at.step.why if isinstance(at.step, Refuse) else why, now=now)

    def _end_if_due(self, tx: TxT, at: Standing, *, now: datetime) -> Standing | Closed | Ended:
        if isinstance(at.step, Issue):
            return self._issue(tx, at, at.step, now=now)
        why = without_pages(at.step) if at.login.asked.silent else None
        return self._refuse(tx, at, why, now=now) if why else at

    def _issue(self, tx: TxT, at: Standing, verdict: Issue, *, now: datetime) -> Closed | Ended:
        login = at.login
        # First of all: it decides who answers the application, and the loser has done nothing yet.
        if not tx.logins.end(login.id, Outcome.ISSUED, at=now):
            return Closed(why=Shut.FINISHED, login=login)
        proof = at.so_far.proof
        if proof is not None and proof.kind == SMARTCARD and _taken_out(tx.card_places.hold(proof.credential), proof):
            raise SessionGone
        session, secret = self.sessions.hold(tx, login.issuer, at.so_far, verdict, reference=login.reference, now=now)
        lifetime_of_consent = self.rules[login.issuer].consent_lifetime
        if at.so_far.shared and login.asked.share and lifetime_of_consent:
            consent.give(tx, session.person, login, lasts=lifetime_of_consent, now=now)
        answer = self._application.issue(tx, login, session, verdict, now=now)
        tx.audit.record(
            LoginFinished(
                at=now,
                actor=actor.person(session.person),
                reference=login.reference,
                login=login.id,
                client=login.asked.client,
                session=session.id,
                acr=verdict.acr,
                aal=verdict.aal,
                role=verdict.role,
            )
        )
        return Ended(login=login, answer=answer, session=secret)

    def _refuse(self, tx: TxT, at: Standing, why: Refusal, *, now: datetime) -> Closed | Ended:
        login, person = at.login, at.so_far.person
        outcome = Outcome.CANCELLED if why in {Refusal.CANCELLED, Refusal.NOT_SHARED} else Outcome.REFUSED
        if not tx.logins.end(login.id, outcome, at=now):
            return Closed(why=Shut.FINISHED, login=login)
        answer = self._application.refuse(tx, login, why, now=now)
        tx.audit.record(
            LoginRefused(
                at=now,
                actor=actor.person(person.id) if person else actor.UNKNOWN,
                reference=login.reference,
                login=login.id,
                client=login.asked.client,
                why=why,
            )
        )
        return Ended(login=login, answer=answer)


def _taken_out(place: CardPlace | None, proof: Verified) -> bool:
    """Whether the card has left the reader since, by the word of the workstation's companion."""
    return place is not None and place.left_at is not None and place.left_at >= proof.at
