"""/requests: what applications ask a person from elsewhere, for whoever is logged in in this browser.

A person sees their own requests only, with the application and its message exactly as it was sent. Refusing takes a
press; agreeing takes a log-in of the asked level, now.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from carekey.kernel import actor
from carekey.kernel.ids import ClientId, IssuerName
from carekey.kernel.unit_of_work import Store
from carekey.login import acr
from carekey.login.begin_http import begin
from carekey.login.http import visitor
from carekey.login.journey import Journey
from carekey.login.model import Asked
from carekey.login.own_pages import request_for
from carekey.login.ports import LoginTx
from carekey.oidc.decoupled.deciding import Decided, Decisions, Outcome, encode
from carekey.oidc.decoupled.model import DecoupledRequest, Kind
from carekey.oidc.ports import OidcTx
from carekey.sessions import lifetime
from carekey.sessions.model import Session
from carekey.web import csrf
from carekey.web.dates import clock_time
from carekey.web.kit import Handler, Request, Response, Route, get_alone, page, post, see_other

PATH = "/requests"
_KEY = re.compile(r"[0-9a-f]{64}")


class RequestsTx(OidcTx, LoginTx, Protocol):
    """What the page sees of a transaction."""


TxT = TypeVar("TxT", bound=RequestsTx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A request on the page."""

    id: str
    application: str
    message: str
    told: Sequence[str]
    asked_at: str
    until: str

    @classmethod
    def of(cls, request: DecoupledRequest) -> "Item":
        return cls(
            id=request.key.hex(),
            application=request.asked.application,
            message=request.message,
            told=request.told,
            asked_at=clock_time(request.requested_at),
            until=clock_time(request.expires_at),
        )


class RequestPages(Generic[TxT]):
    def __init__(
        self, *, issuers: Sequence[IssuerName], store: Store[TxT], journey: Journey[TxT], decisions: Decisions[TxT]
    ) -> None:
        """`issuers`: the first is logged in to, unless the address names another."""
        self._issuers = tuple(issuers)
        self._store = store
        self._journey = journey
        self._decisions = decisions

    def routes(self) -> list[Route]:
        return [
            get_alone(PATH, self.show),
            get_alone(f"{PATH}/log-in", self.log_in),
            post(f"{PATH}/{{id}}/decide", self.decide),
            *(get_alone(f"{PATH}/{outcome}", _ended(outcome)) for outcome in Outcome),
        ]

    async def show(self, request: Request) -> Response:
        now = request.site.clock.now()

        def look(tx: TxT) -> tuple[list[str], list[DecoupledRequest]]:
            sessions = self._live(tx, request, now)
            people = [person.name for one in sessions if (person := tx.people.find(one.person))]
            return people, [found for one in sessions for found in _open(tx, one, now)]

        people, found = await self._store.read(look)
        if not people:
            named = request.query().get("issuer") or ""
            return page(request, "ciba/log_in.html", issuer=named if named in self._issuers else None)
        return page(
            request,
            "ciba/requests.html",
            people=list(dict.fromkeys(people)),
            items=[Item.of(one) for one in found],
            csrf=csrf.token(request.site.csrf_key, self._secrets(request)),
        )

    async def log_in(self, request: Request) -> Response:
        """For nobody but this page: no application learns of it."""
        named = IssuerName(request.query().get("issuer") or "")
        issuer = named if named in self._issuers else self._issuers[0]
        asked = Asked(client=ClientId(""), application="your requests", acr=acr.wanted(acr.CLASSES))
        return await begin(request, self._store, self._journey, issuer, asked, request_for(PATH, otherwise=PATH))

    async def decide(self, request: Request) -> Response:
        decision = (await request.own_form(self._secrets(request) or None)).get("decision")
        id, now = request.params["id"], request.site.clock.now()
        key = bytes.fromhex(id) if _KEY.fullmatch(id) else b""
        found = await self._store.read(lambda tx: self._own(tx, request, key, now))
        if found is None:
            return see_other(f"{PATH}/{Outcome.LATE}")
        if decision == "yes":
            return await begin(request, self._store, self._journey, found.issuer, found.asked, encode(found))
        if decision != "no":
            return see_other(PATH)
        assert found.person is not None
        by = actor.person(found.person)

        def refuse(tx: TxT) -> Decided:
            return self._decisions.decline(tx, found, "cancelled", by=by, reference=request.reference, now=now)

        return see_other((await self._store.write(refuse)).page)

    def _own(self, tx: TxT, request: Request, key: bytes, now: datetime) -> DecoupledRequest | None:
        every = (one for session in self._live(tx, request, now) for one in _open(tx, session, now))
        return next((one for one in every if one.key == key), None)

    def _live(self, tx: TxT, request: Request, now: datetime) -> list[Session]:
        """The sessions of this browser that still carry a level."""
        by, found = visitor(request), []
        for issuer in self._issuers:
            given = by.session(issuer)
            session = tx.sessions.find(given) if given else None
            if session is None or session.issuer != issuer:
                continue
            if session.locked_at is not None:  # the card is out: whoever sits there now may be somebody else
                continue
            if lifetime.level(session, self._journey.rules[issuer].sessions, now=now) is not None:
                found.append(session)
        return found

    def _secrets(self, request: Request) -> str:
        """What a form is bound to: every session of this browser."""
        names = (request.site.cookies.session(name) for name in self._issuers)
        return ".".join(secret for name in names if (secret := request.cookies.get(name)))


def _open(tx: OidcTx, session: Session, now: datetime) -> list[DecoupledRequest]:
    """Those that wait for the person of this session, at its issuer."""
    return [
        one
        for one in tx.decoupled_requests.waiting_for(session.person)
        if one.kind is Kind.CIBA and one.issuer == session.issuer and now < one.expires_at
    ]


def _ended(outcome: Outcome) -> Handler:
    async def show(request: Request) -> Response:
        return page(request, f"ciba/{outcome}.html")

    return show
