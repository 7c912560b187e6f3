"""/login/{id}/smartcard/renewal: "Your smartcard runs out on …"; and /smartcard/renewal, which the reader's side asks."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from cryptography import x509
from starlette.responses import JSONResponse

from carekey.authenticators.http import browser_of
from carekey.authenticators.smartcard import renewing, self_service
from carekey.authenticators.smartcard.authority import registration
from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.events import AtTheDeskRefused
from carekey.authenticators.smartcard.issuing import Counter
from carekey.authenticators.smartcard.log_in_http import LogInPages, back
from carekey.authenticators.smartcard.model import Purpose
from carekey.authenticators.smartcard.path import UNREADABLE
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.smartcard.renewing import Step
from carekey.authenticators.smartcard.self_service import AT_THE_READER, ON_THE_PAGE, Ticket
from carekey.authenticators.smartcard.terms import WAY, Terms
from carekey.kernel import actor, entropy
from carekey.kernel.ids import LoginId
from carekey.kernel.secret import digest
from carekey.kernel.unit_of_work import Store
from carekey.web import dates
from carekey.web.headers import NO_STORE
from carekey.web.kit import Request, Response, Route, page, post

TxT = TypeVar("TxT", bound=CardTx)

ADDRESS = "/smartcard/renewal"


class Asked(msgspec.Struct, frozen=True):
    """What the reader's side sends. `request`: PKCS #10; `proof`: a signature of the old key; `old`: a certificate."""

    code: str
    purpose: Purpose = Purpose.AUTHENTICATION
    request: bytes = b""
    proof: bytes = b""
    old: bytes = b""


class SelfService(Generic[TxT]):
    def __init__(self, *, store: Store[TxT], terms: Terms, pages: LogInPages[TxT]) -> None:
        self._store = store
        self._terms = terms
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        return [
            Route(f"/login/{{id}}/{WAY.name}/renewal", {"GET": self.tell, "POST": self.begin}),
            post(f"{ADDRESS}/held", self.held),
            post(f"{ADDRESS}/sign", self.sign),
            post(f"{ADDRESS}/replaced", self.replaced),
        ]

    # The person's side

    async def tell(self, request: Request) -> Response:
        """Each page spends a code and brings the next: loaded again, it goes on with the log-in."""
        code = entropy.token(request.site.entropy)
        ticket = await self._next(request, request.query().get("code") or "", code)
        if ticket is None:
            return back(request)
        return self._page(request, "smartcard/runs_out.html", ticket, code=code)

    async def begin(self, request: Request) -> Response:
        _, browser = browser_of(request)
        fields = (await request.own_form(browser.reveal() if browser else None)).as_dict()
        code = entropy.token(request.site.entropy)
        ticket = await self._next(request, fields.get("code", ""), code, for_the_reader=True)
        if ticket is None or self._terms.desk is None or not ticket.own:
            return back(request)
        held = self._terms.virtual.card(ticket.serial) if self._terms.virtual else None
        if held is None:
            return self._page(request, "smartcard/renew.html", ticket, code=code)
        done: list[str] = []

        def progress(step: Step, what: str) -> None:
            done.append(f"{step.value}: {_PLAIN.get(what, what)}")

        try:
            await renewing.renew(held, self._counter(ticket), progress)
        except CardError as error:
            return self._page(request, "smartcard/renewed.html", ticket, steps=done, fault=str(error), status=422)
        return self._page(request, "smartcard/renewed.html", ticket, steps=done, fault=None)

    async def _next(self, request: Request, spent: str, code: str, *, for_the_reader: bool = False) -> Ticket | None:
        """The ticket that the spent code stands for, if it is of this log-in in this browser; kept under the next code."""
        login, now = LoginId(request.params["id"]), request.site.clock.now()
        find = self._pages.finding_attempt(request)

        def work(tx: TxT) -> Ticket | None:
            ticket = self_service.opened(tx.challenges.take(digest(spent), now=now), login=login)
            if ticket is None or find(tx) is None:
                return None
            if for_the_reader:
                self_service.tell_again(tx, ticket)
                kept = msgspec.structs.replace(ticket, login=None)
                tx.challenges.put(self_service.sealed(kept, code=code, until=now + AT_THE_READER))
            else:
                tx.challenges.put(self_service.sealed(ticket, code=code, until=now + ON_THE_PAGE))
            return ticket

        return await self._store.write(work)

    def _page(self, request: Request, template: str, ticket: Ticket, *, status: int = 200, **more: Any) -> Response:
        return page(
            request,
            template,
            status=status,
            id=ticket.login,
            csrf=self._pages.csrf(request),
            ends=dates.day(ticket.ends_at),
            own=ticket.own and self._terms.desk is not None,
            origin=next(iter(self._terms.log_in_hosts.values())),
            **more,
        )

    # The reader's side

    async def held(self, request: Request) -> Response:
        async def work(counter: Counter[Any], _: Asked) -> dict[str, Any]:
            known = await counter.held()
            return {
                "serial": known.serial,
                "person": known.person,
                "due": known.due,
                "certificates": [
                    {"der": one.der, "purpose": one.purpose, "superseded": one.superseded_at is not None}
                    for one in known.certificates
                ],
            }

        return await self._answer(request, work)

    async def sign(self, request: Request) -> Response:
        async def work(counter: Counter[Any], asked: Asked) -> dict[str, Any]:
            known = registration.current((await counter.held()).certificates)
            keys = [one for one in known if one.purpose is Purpose.AUTHENTICATION]
            if not self_service.proven(keys, asked.proof, self_service.signed_text(asked.code, asked.request)):
                raise CardError("The card does not prove that it has the key that it logs in with.")
            try:
                wanted = x509.load_der_x509_csr(asked.request)
            except UNREADABLE:
                raise CardError("The request for a certificate cannot be read.") from None
            return {"der": (await counter.sign(asked.purpose, wanted)).der}

        return await self._answer(request, work)

    async def replaced(self, request: Request) -> Response:
        async def work(counter: Counter[Any], asked: Asked) -> dict[str, Any]:
            old = next((one for one in (await counter.held()).certificates if one.der == asked.old), None)
            if old is None:
                raise CardError("That certificate is not of this card.")
            await counter.replaced(old)
            return {}

        return await self._answer(request, work)

    async def _answer(self, request: Request, work: Callable[[Counter[Any], Asked], Any]) -> Response:
        now = request.site.clock.now()
        try:
            asked = _asked.decode(await request.limited_body())
        except (ValueError, RecursionError):  # msgspec's own, text that is no UTF-8, and nesting without end
            return _json(400, {"error": "What was sent could not be read."})

        def take(tx: TxT) -> Ticket | None:
            """It serves until it runs out, so that an interrupted renewal goes on."""
            taken = tx.challenges.take(digest(asked.code), now=now)
            ticket = self_service.opened(taken, login=None)
            if ticket is not None and taken is not None:
                tx.challenges.put(taken)
            return ticket

        ticket = await self._store.write(take)
        if ticket is None or self._terms.desk is None:
            return _json(401, {"error": "The renewal code is not known, or has run out: log in with the card again."})
        try:
            return _json(200, await work(self._counter(ticket), asked))
        except CardError as error:
            refused = AtTheDeskRefused(
                at=now,
                actor=actor.person(ticket.person),
                action="renew",
                serial=ticket.serial,
                person=ticket.person,
                why=str(error),
            )
            await self._store.write(lambda tx: tx.audit.record(refused))
            return _json(409, {"error": str(error)})

    def _counter(self, ticket: Ticket) -> Counter[Any]:
        assert self._terms.desk is not None
        return self._terms.desk(actor.person(ticket.person)).counter(ticket.card, late=False)


_asked = msgspec.json.Decoder(Asked)
_PLAIN = {Purpose.AUTHENTICATION.value: "logging in", Purpose.CONTENT_COMMITMENT.value: "signing"}


def _json(status: int, body: dict[str, Any]) -> Response:
    response = JSONResponse(msgspec.to_builtins(body), status)
    response.raw_headers.append(NO_STORE)
    return response
