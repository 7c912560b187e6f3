"""/login/{id}/smartcard/virtual: log in with a card that the service holds. The same judgement, without a handshake."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from carekey.authenticators.base import Attempt, Verified
from carekey.authenticators.http import browser_of, remembered
from carekey.authenticators.smartcard import handover
from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.handover import Ask
from carekey.authenticators.smartcard.judging import Judging, refusal
from carekey.authenticators.smartcard.log_in_http import LogInPages, back
from carekey.authenticators.smartcard.path import Reason, Refused
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.smartcard.terms import WAY, Terms
from carekey.authenticators.smartcard.virtual import Wallet
from carekey.kernel.unit_of_work import Store
from carekey.web.kit import Request, Response, Route, page

TxT = TypeVar("TxT", bound=CardTx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A radio button: a card and whose it is (web/components.html)."""

    value: str
    text: str
    hint: str
    selected: bool = False


class VirtualPages(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], terms: Terms, wallet: Wallet, pages: LogInPages[TxT]) -> None:
        self._store = store
        self._terms = terms
        self._wallet = wallet
        self._pages = pages
        self._judging = Judging(store=store, terms=terms)

    def routes(self) -> Sequence[Route]:
        return [Route(f"/login/{{id}}/{WAY.name}/virtual", {"GET": self.show, "POST": self.use})]

    async def show(self, request: Request) -> Response:
        attempt = await self._store.read(self._pages.finding_attempt(request))
        return back(request) if attempt is None else await self._page(request, attempt)

    async def use(self, request: Request) -> Response:
        _, browser = browser_of(request)
        fields = (await request.own_form(browser.reveal() if browser else None)).as_dict()
        attempt = await self._store.read(self._pages.finding_attempt(request))
        if attempt is None:
            return back(request)
        card = self._wallet.card(fields.get("card", ""))
        if card is None:
            return await self._page(request, attempt, error="Select a card")
        now = request.site.clock.now()
        try:
            chain: Sequence[bytes] | Refused = card.shown()
        except CardError as error:
            chain = Refused(why=Reason.MALFORMED, detail=str(error))
        find, notice = self._pages.finding_attempt(request), self._pages.notice(request)

        def begin(tx: TxT) -> Ask | None:
            still = find(tx)
            return None if still is None else handover.ask(still)

        def end(tx: TxT, ask: Ask, outcome: Verified | Refused) -> None:
            if isinstance(outcome, Verified):
                self._pages.conclude(tx, attempt, outcome, notice=notice, now=now)
                return
            tx.audit.record(refusal(ask, outcome, chain, now=now))

        done = await self._judging.outcome(chain, begin=begin, end=end, amr=self._terms.amr(request.zone), now=now)
        if done is None or isinstance(done[1], Verified):
            return self._pages.onward(request, notice)
        _, outcome = done
        return self._pages.page(request, attempt, refused=handover.finding(attempt.id, outcome))

    async def _page(self, request: Request, attempt: Attempt, *, error: str | None = None) -> Response:
        held = self._wallet.cards()

        def names(tx: TxT) -> list[Held]:
            found = ((one, tx.people.find(one.person)) for one in held)
            return [
                Held(value=one.serial, text=person.name, hint=f"Card {one.serial}") for one, person in found if person
            ]

        return page(
            request,
            "smartcard/virtual.html",
            status=422 if error else 200,
            form_action=(attempt.form_action,),
            attempt=attempt,
            remembered=remembered(request, attempt),
            cards=await self._store.read(names),
            error=error,
            errors=[("card", error)] if error else [],
        )
