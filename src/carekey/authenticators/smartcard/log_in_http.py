"""/login/{id}/smartcard: to the card host, and back with what it found."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from carekey.authenticators.base import Attempt, Verified
from carekey.authenticators.http import browser_of, remembered
from carekey.authenticators.ports import Attempts
from carekey.authenticators.smartcard import handover, self_service
from carekey.authenticators.smartcard.events import LogInRefused
from carekey.authenticators.smartcard.handover import Fault, Finding
from carekey.authenticators.smartcard.path import Reason
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.smartcard.terms import WAY, Terms
from carekey.authenticators.smartcard.words import AGAIN, words
from carekey.kernel import actor, entropy
from carekey.kernel.ids import LoginId
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.web import csrf, kit
from carekey.web.kit import Request, Response, Route, get_alone, see_other
from carekey.web.problem import malformed

TxT = TypeVar("TxT", bound=CardTx)

ENTRANCE = "/smartcard"
"""The card host's only address."""


_LABEL = re.compile(r"[0-9a-f]{16}")


@dataclass(slots=True)
class Notice:
    """Whether the card that has just logged somebody in is near its end, and the code of the page that says so."""

    code: str
    due: bool = False


class LogInPages(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], attempts: Attempts[TxT], terms: Terms) -> None:
        self._store = store
        self._attempts = attempts
        self._terms = terms

    def routes(self) -> Sequence[Route]:
        address = f"/login/{{id}}/{WAY.name}"
        return [
            Route(address, {"GET": self.show, "POST": self.hand_over}),
            get_alone(f"{address}/done", self.take_back),
        ]

    async def show(self, request: Request) -> Response:
        attempt = await self._store.read(self.finding_attempt(request))
        return back(request) if attempt is None else self.page(request, attempt)

    async def hand_over(self, request: Request) -> Response:
        _, browser = browser_of(request)
        fields = (await request.own_form(browser.reveal() if browser else None)).as_dict()
        label = fields.get("label", "")
        if not _LABEL.fullmatch(label):
            raise malformed()
        code, now = entropy.token(request.site.entropy), request.site.clock.now()
        find = self.finding_attempt(request)

        def work(tx: TxT) -> Attempt | None:
            attempt = find(tx)
            if attempt is not None:
                tx.challenges.put(handover.sealed(handover.ask(attempt), code=code, now=now))
            return attempt

        if await self._store.write(work) is None:
            return back(request)
        return handing_over(f"{self._terms.address(label)}{ENTRANCE}?code={code}")

    async def take_back(self, request: Request) -> Response:
        """The code is spent first: whoever brings it to the wrong place has none any more."""
        login, now = LoginId(request.params["id"]), request.site.clock.now()
        code, reference = request.query().get("code") or "", request.reference
        find = self.finding_attempt(request)

        def work(tx: TxT) -> tuple[Attempt | None, Finding | Fault]:
            found = handover.opened(tx.challenges.take(digest(code), now=now), Finding)
            attempt = find(tx)
            fault = _fault(login, found, attempt)
            if fault is not None or found is None or attempt is None:
                fault = fault or Fault.CODE_GONE
                # Of a stranger with a made-up code there is nothing to say, and any number of them.
                if found is not None or attempt is not None:
                    tx.audit.record(
                        LogInRefused(
                            at=now,
                            actor=actor.UNKNOWN,
                            reference=attempt.reference if attempt else reference,
                            login=found.login if found else login,
                            reason=fault,
                        )
                    )
                return attempt, fault
            if found.proof is not None:
                self.conclude(tx, attempt, found.proof, notice=notice, now=now)
            return attempt, found

        notice = self.notice(request)
        attempt, outcome = await self._store.write(work)
        if attempt is None or (isinstance(outcome, Finding) and outcome.proof is not None):
            return self.onward(request, notice)
        if isinstance(outcome, Fault):  # somebody reloaded the page, or took long: begin anew
            return see_other(f"/login/{login}/{WAY.name}")
        return self.page(request, attempt, refused=outcome)

    def notice(self, request: Request) -> "Notice":
        return Notice(code=entropy.token(request.site.entropy))

    def conclude(self, tx: TxT, attempt: Attempt, proof: Verified, *, notice: "Notice", now: datetime) -> None:
        """Keep the proof; and note it if the card is near its end, which its holder is to be told."""
        self._attempts.conclude(tx, attempt, proof)
        ticket = self_service.runs_out(tx, proof, login=attempt.id, now=now)
        notice.due = ticket is not None
        if ticket is not None:
            sealed = self_service.sealed(ticket, code=notice.code, until=now + self_service.ON_THE_PAGE)
            tx.challenges.put(sealed)

    def onward(self, request: Request, notice: "Notice") -> Response:
        """To the dispatcher, by way of what is to be told."""
        if not notice.due:
            return back(request)
        return handing_over(f"/login/{request.params['id']}/{WAY.name}/renewal?code={notice.code}")

    def csrf(self, request: Request) -> str:
        _, browser = browser_of(request)
        return csrf.token(request.site.csrf_key, browser.reveal()) if browser else ""

    def finding_attempt(self, request: Request) -> Callable[[TxT], Attempt | None]:
        id, browser = browser_of(request)
        now, zone = request.site.clock.now(), request.zone
        return lambda tx: self._attempts.find(tx, id, browser=browser, way=WAY.name, zone=zone, now=now)

    def page(self, request: Request, attempt: Attempt, *, refused: Finding | None = None) -> Response:
        # Known already here, so that the page's policy names that one host.
        label = request.site.entropy.bytes(8).hex()
        heading, advice = words(refused.why, refused.when, others=attempt.others) if refused else (None, None)
        return kit.page(
            request,
            "smartcard/refused.html" if refused else "smartcard/smartcard.html",
            status=422 if refused else 200,
            form_action=(attempt.form_action, self._terms.address(label)),
            blanks={"id": attempt.id, "csrf": attempt.csrf, "label": label, "reference": attempt.reference},
            application=attempt.application,
            remembered=remembered(request, attempt),
            heading=heading,
            advice=advice,
            virtual=self._terms.virtual is not None,
            others=attempt.others,
            again=refused is None or refused.why in AGAIN,
            closed=refused is not None and refused.why == Reason.HOLDER_CLOSED,
            remembers=self._terms.remembers and (refused is None or refused.why != Reason.REVOCATION_UNKNOWN),
        )


def handing_over(address: str) -> Response:
    """The address holds a code: nobody keeps it, and the next place is not told where it came from."""
    response = see_other(address)
    response.raw_headers.append((b"referrer-policy", b"no-referrer"))
    return response


def _fault(login: LoginId, found: Finding | None, attempt: Attempt | None) -> Fault | None:
    if found is None:
        return Fault.CODE_GONE
    if found.login != login:
        return Fault.OTHER_LOG_IN
    return Fault.OTHER_BROWSER if attempt is None else None


def back(request: Request) -> Response:
    """Only the dispatcher knows what comes next, or why nothing does."""
    return see_other(f"/login/{request.params['id']}")
