"""The session in which a log-in issues: the one there is, or a new one for a new proof."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Generic, TypeVar

from carekey.authenticators.base import Verified
from carekey.directory.model import PersonStatus
from carekey.kernel import actor, entropy
from carekey.kernel.entropy import Entropy
from carekey.kernel.ids import IssuerName, RoleProfileId, SessionId
from carekey.kernel.secret import Secret, digest
from carekey.login.events import SessionReused
from carekey.login.model import Asked, Issue, Rules
from carekey.login.policy import SoFar
from carekey.login.ports import LoginTx
from carekey.sessions import ending, lifetime
from carekey.sessions.events import SessionRenewed, SessionStarted, WhyEnded
from carekey.sessions.model import Proof, Session

TxT = TypeVar("TxT", bound=LoginTx)


class SessionGone(Exception):
    """The session ended between the look and the deed. Nothing was done; look again."""


class HeldSessions(Generic[TxT]):
    def __init__(
        self,
        *,
        rules: Mapping[IssuerName, Rules],
        entropy: Entropy,
        in_force: Callable[[TxT, Verified], bool],
    ) -> None:
        """`in_force`: whether what a proof was given with may still be used."""
        self._rules = rules
        self._entropy = entropy
        self._in_force = in_force

    def hold(
        self,
        tx: TxT,
        issuer: IssuerName,
        so_far: SoFar,
        verdict: Issue,
        *,
        reference: str,
        now: datetime,
    ) -> tuple[Session, Secret | None]:
        """The session in which to issue: the one there is, or a new one for a new proof, with its secret.

        A proof always brings a new secret, so that a cookie planted beforehand is worth nothing. The same person's
        live session goes on under it; any other that this browser had is ended. Raises: SessionGone."""
        role = verdict.role or so_far.remembered
        proof, old = so_far.proof, so_far.session
        if proof is None:
            assert old is not None
            used = lifetime.used_at(old, self._rules[issuer].sessions, now=now)
            if not tx.sessions.use(old.id, at=used, role=role):
                raise SessionGone
            return replace(old, last_used_at=used, role=role), None
        # Whoever takes the person's standing, this way or a role away at this moment ends this session, or has been
        # faster.
        person = tx.people.hold(proof.person)
        if person is None or person.status is not PersonStatus.ACTIVE or not self._in_force(tx, proof):
            raise SessionGone
        if verdict.role and all(one.id != verdict.role for one in tx.roles.held_by(person.id, at=now)):
            raise SessionGone
        secret = Secret(entropy.token(self._entropy))
        if old is not None and so_far.level is not None and so_far.same_person:
            return self._renew(tx, old, proof, secret, role=role, reference=reference, now=now), secret
        if old is not None:
            ending.end(tx, old, WhyEnded.REPLACED, now=now, reference=reference)
        session = Session(
            id=SessionId(entropy.token(self._entropy, size=20)),
            digest=digest(secret.reveal()),
            issuer=issuer,
            person=proof.person,
            proof=_kept(proof),
            role=role,
            started_at=now,
            last_used_at=now,
        )
        tx.sessions.start(session)
        tx.audit.record(
            SessionStarted(
                at=now,
                actor=actor.person(proof.person),
                reference=reference,
                session=session.id,
                issuer=issuer,
                kind=proof.kind,
                aal=proof.aal,
                amr=proof.amr,
            )
        )
        return session, secret

    def _renew(
        self,
        tx: TxT,
        old: Session,
        proof: Verified,
        secret: Secret,
        *,
        role: RoleProfileId | None,
        reference: str,
        now: datetime,
    ) -> Session:
        """Raises: SessionGone."""
        kept = _kept(proof)
        renewed = replace(old, digest=digest(secret.reveal()), proof=kept, last_used_at=now, role=role)
        if not tx.sessions.renew(old.id, digest=renewed.digest, proof=kept, at=now, role=role):
            raise SessionGone
        tx.audit.record(
            SessionRenewed(
                at=now,
                actor=actor.person(proof.person),
                reference=reference,
                session=old.id,
                issuer=old.issuer,
                kind=proof.kind,
                aal=proof.aal,
                amr=proof.amr,
            )
        )
        return renewed

    def reuse(
        self, tx: TxT, issuer: IssuerName, asked: Asked, so_far: SoFar, verdict: Issue, *, reference: str, now: datetime
    ) -> Session:
        """Use the session without a log-in: single sign-on. Raises: SessionGone."""
        session, _ = self.hold(tx, issuer, so_far, verdict, reference=reference, now=now)
        tx.audit.record(
            SessionReused(
                at=now,
                actor=actor.person(session.person),
                reference=reference,
                client=asked.client,
                session=session.id,
                acr=verdict.acr,
                aal=verdict.aal,
                role=verdict.role,
            )
        )
        return session


def _kept(proof: Verified) -> Proof:
    return Proof(credential=proof.credential, kind=proof.kind, aal=proof.aal, amr=proof.amr, at=proof.at)
