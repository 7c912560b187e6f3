"""Log-in as authenticators see it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from carekey.authenticators.base import Attempt, Verified
from carekey.kernel import actor
from carekey.kernel.ids import LoginId
from carekey.kernel.secret import Secret, digest
from carekey.login import acr
from carekey.login.events import LoginProven
from carekey.login.journey import Closed, Journey, Visitor
from carekey.login.ports import LoginTx
from carekey.web import csrf

TxT = TypeVar("TxT", bound=LoginTx)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAttempts(Generic[TxT]):
    """An `authenticators.ports.Attempts`."""

    journey: Journey[TxT]
    csrf_key: bytes

    def find(
        self, tx: TxT, id: LoginId, *, browser: Secret | None, way: str, zone: str, now: datetime
    ) -> Attempt | None:
        if browser is None:
            return None
        visitor = Visitor(login=digest(browser.reveal()), session=lambda _: None, zone=zone)
        login = self.journey.open(tx, id, visitor, now=now)
        if isinstance(login, Closed):
            return None
        asked = login.asked
        offered = self.journey.offer(login.issuer, asked, zone).ways
        chosen = next((candidate for candidate in offered if candidate.name == way), None)
        if chosen is None:
            return None
        return Attempt(
            id=id,
            issuer=login.issuer,
            application=asked.application,
            reference=login.reference,
            person=asked.person,
            levels=acr.admitted(asked.acr, chosen, minimum=asked.minimum),
            csrf=csrf.token(self.csrf_key, browser.reveal()),
            proven=login.proof is not None,
            form_action=asked.return_origin,
            others=len(offered) > 1,
            more={"hint": asked.hint} if asked.hint else {},
        )

    def conclude(self, tx: TxT, attempt: Attempt, proof: Verified) -> None:
        """A log-in that ended in the meantime keeps nothing; /login/{id} will say so."""
        if tx.logins.prove(attempt.id, proof):
            tx.audit.record(
                LoginProven(
                    at=proof.at,
                    actor=actor.person(proof.person),
                    reference=attempt.reference,
                    login=attempt.id,
                    credential=proof.credential,
                    kind=proof.kind,
                    aal=proof.aal,
                    amr=proof.amr,
                )
            )
