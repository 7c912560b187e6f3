"""The card host: looks at the certificate that the browser gave, and sends the browser back with what it found."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from carekey.authenticators.base import Verified
from carekey.authenticators.smartcard import handover
from carekey.authenticators.smartcard.events import LogInRefused
from carekey.authenticators.smartcard.handover import Ask, Fault
from carekey.authenticators.smartcard.judging import Judging, refusal
from carekey.authenticators.smartcard.log_in_http import ENTRANCE, handing_over
from carekey.authenticators.smartcard.path import Reason, Refused
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.smartcard.terms import WAY, Terms
from carekey.kernel import actor, entropy
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Request, Response, Route, get_alone
from carekey.web.peer_certificate import MalformedCertificate, from_proxy, from_tls
from carekey.web.problem import Problem

TxT = TypeVar("TxT", bound=CardTx)


class CardHost(Generic[TxT]):
    """The routes of the listener that asks for a certificate. None of them is on the main listener."""

    def __init__(self, *, store: Store[TxT], terms: Terms) -> None:
        self._terms = terms
        self._judging = Judging(store=store, terms=terms)

    def routes(self) -> Sequence[Route]:
        return [get_alone(ENTRANCE, self.judge)]

    async def judge(self, request: Request) -> Response:
        """The code is taken, the card judged and the finding kept in one unit of work. A code is spent even where it is
        refused.

        Raises: Problem."""
        now, zone = request.site.clock.now(), request.zone
        if self._terms.proxied and not request.from_proxy:
            raise _not_from_here()
        accepted, given = self._terms.accepts_from(zone), digest(request.query().get("code") or "")
        code = entropy.token(request.site.entropy)

        def begin(tx: TxT) -> Ask | None:
            ask = handover.opened(tx.challenges.take(given, now=now), Ask)
            if ask is None or accepted:
                return ask
            tx.audit.record(
                LogInRefused(
                    at=now,
                    actor=actor.UNKNOWN,
                    reference=ask.reference,
                    login=ask.login,
                    reason=Fault.WRONG_ZONE,
                    detail=zone,
                )
            )
            return None

        def end(tx: TxT, ask: Ask, outcome: Verified | Refused) -> None:
            tx.challenges.put(handover.sealed(handover.finding(ask.login, outcome), code=code, now=now))
            if isinstance(outcome, Refused):
                tx.audit.record(refusal(ask, outcome, chain, now=now))

        chain = self._chain(request)
        done = await self._judging.outcome(chain, begin=begin, end=end, amr=self._terms.amr(zone), now=now)
        if not accepted:
            raise _not_from_here()
        if done is None:
            raise _gone()
        ask, _ = done
        home = self._terms.log_in_hosts[ask.issuer]
        return handing_over(f"{home}/login/{ask.login}/{WAY.name}/done?code={code}")

    def _chain(self, request: Request) -> Sequence[bytes] | Refused:
        if not self._terms.proxied:
            return from_tls(request)
        try:
            return from_proxy(request)
        except MalformedCertificate:
            return Refused(why=Reason.MALFORMED, detail="Client-Cert is not what RFC 9440 describes")


def _not_from_here() -> Problem:
    return Problem(
        status=403,
        heading="You cannot use a smartcard from here",
        what_to_do=(
            "Smartcards can be used on some networks only.",
            "Go back to your application, start again and use another way to log in.",
        ),
    )


def _gone() -> Problem:
    return Problem(
        status=410,
        heading="You took too long, or this address was used before",
        what_to_do=(
            "Each time that you use your smartcard, start from the log in page.",
            "Go back to your application and start again.",
        ),
    )
