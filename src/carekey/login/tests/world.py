"""A log-in service in memory: a browser, an authenticator that believes what it is told, and an application."""

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html import unescape
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2

from carekey.audit.ports import Recorded
from carekey.authenticators.base import Verified, Way
from carekey.directory.model import Membership, Organisation, Person
from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import CredentialId, IssuerName, LoginId, PersonId
from carekey.kernel.secret import Secret
from carekey.login.attempts import LoginAttempts
from carekey.login.http import LogIn
from carekey.login.journey import Journey
from carekey.login.model import Asked, Issue, Login, Rules
from carekey.login.tests.make import (
    ASHA,
    BRYN,
    HEALTHCARE,
    KEY,
    NOW,
    PASSKEY,
    PASSWORD,
    SMARTCARD,
    asked,
    person,
    roles,
)
from carekey.sessions.model import Session
from carekey.storage.memory.store import MemoryStore
from carekey.web.cookies import Cookies
from carekey.web.dispatcher import Dispatcher
from carekey.web.kit import Request, Response, Route, Site, see_other
from carekey.web.templating import Pages
from carekey.web.zones import Zones

ORIGIN = "https://care.example.test"
APPLICATION = "https://ward.example.test"
SANDBOX = IssuerName("sandbox")
HSCN_ADDRESS, INTERNET_ADDRESS = "10.1.2.3", "203.0.113.9"
RULES = {
    HEALTHCARE: Rules(
        issuer=HEALTHCARE,
        ways={"smartcard": frozenset({"hscn"}), "passkey": None, "security-key": None, "password": None},
    ),
    SANDBOX: Rules(issuer=SANDBOX, ways={"password": None}, remember_way=False),
}


@dataclass
class Clock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def pass_by(self, **time: float) -> None:
        self.moment += timedelta(**time)


class CountingEntropy:
    """Different each time, and the same in every run."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def bytes(self, count: int) -> bytes:
        return hashlib.shake_256(str(next(self._count)).encode()).digest(count)


@dataclass(frozen=True)
class Answered:
    login: Login
    why: str | None = None
    session: Session | None = None
    verdict: Issue | None = None


class FakeApplication:
    """Keeps what it was told, and answers with a redirect that says no more than the outcome."""

    def __init__(self) -> None:
        self.told: list[Answered] = []
        self.switched_off = False

    def issue(self, tx: Any, login: Login, session: Session, verdict: Issue, *, now: datetime) -> Answered:
        self.told.append(Answered(login=login, session=session, verdict=verdict))
        return self.told[-1]

    def refuse(self, tx: Any, login: Login, why: str, *, now: datetime) -> Answered:
        self.told.append(Answered(login=login, why=why))
        return self.told[-1]

    def stopped(self, tx: Any, login: Login) -> bool:
        return self.switched_off


async def respond(request: Request, answer: Answered) -> Response:
    return see_other(f"{APPLICATION}/?outcome={answer.why or 'issued'}")


@dataclass
class TrustingAuthenticator:
    """POST /login/{id}/{way} with person, aal and amr, and it is so."""

    world: "World"

    def routes(self, ways: Sequence[Way]) -> list[Route]:
        return [Route(f"/login/{{id}}/{way.name}", {"GET": self._page(way), "POST": self._answer(way)}) for way in ways]

    async def _attempt(self, request: Request, way: Way):
        secret = request.cookies.get(request.site.cookies.login(LoginId(request.params["id"])))
        return await self.world.store.read(
            lambda tx: self.world.attempts.find(
                tx,
                LoginId(request.params["id"]),
                browser=Secret(secret) if secret else None,
                way=way.name,
                zone=request.zone,
                now=request.site.clock.now(),
            )
        )

    def _page(self, way: Way):
        async def shown(request: Request) -> Response:
            attempt = await self._attempt(request, way)
            return Response(attempt.csrf) if attempt else see_other(f"/login/{request.params['id']}")

        return shown

    def _answer(self, way: Way):
        async def answered(request: Request) -> Response:
            attempt = await self._attempt(request, way)
            if attempt is None:
                return see_other(f"/login/{request.params['id']}")
            fields = (await request.form()).as_dict()
            proof = Verified(
                person=PersonId(fields["person"]),
                credential=CredentialId("c1"),
                kind="trusting",
                aal=AAL(int(fields["aal"])),
                amr=Amr(fields["amr"]),
                at=request.site.clock.now(),
            )
            await self.world.store.write(lambda tx: self.world.attempts.conclude(tx, attempt, proof))
            return see_other(f"/login/{attempt.id}")

        return answered


class World:
    def __init__(self, *, application: Any = None, respond: Any = respond) -> None:
        self.store = MemoryStore()
        self.clock = Clock()
        self.entropy = CountingEntropy()
        self.application = application or FakeApplication()
        ways = (SMARTCARD, PASSKEY, KEY, PASSWORD)
        self.journey = Journey(
            rules=RULES,
            ways=ways,
            application=self.application,
            entropy=self.entropy,
            in_force=lambda _tx, _proof: True,  # the trusting authenticator keeps no credentials
        )
        self.attempts = LoginAttempts(journey=self.journey, csrf_key=b"c" * 32)
        slices = Path(__file__).parents[2]
        self.site = Site(
            origins=frozenset({ORIGIN}),
            secure=True,
            csrf_key=b"c" * 32,
            cookies=Cookies(secure=True, port=443),
            zones=Zones({"hscn": [ip_network("10.0.0.0/8")]}),
            pages=Pages(
                {
                    "login": slices / "login/templates",
                    "authorize": slices / "oidc/authorize/templates",
                    "logout": slices / "oidc/logout/templates",
                },
                service="CareKey",
            ),
            clock=self.clock,
            entropy=self.entropy,
        )
        login = LogIn(store=self.store, journey=self.journey, respond=respond)
        self.routes = [*login.routes(), *TrustingAuthenticator(self).routes(ways)]

    def browser(self, *, address: str = INTERNET_ADDRESS) -> "Browser":
        transport = httpx2.ASGITransport(app=Dispatcher(self.routes, self.site), client=(address, 50000))
        return Browser(self, httpx2.AsyncClient(transport=transport, base_url=ORIGIN))

    async def populate(self, *people: Person, held: int = 0) -> None:
        """Asha and Bryn, unless others are given; each holds as many roles."""
        everybody = people or (person(), person(id=BRYN, given_name="Bryn", family_name="Rees"))

        def work(tx: Any) -> None:
            tx.people.put(everybody)
            for one in everybody:
                profiles = roles(held, of=one.id)
                tx.organisations.put(
                    [Organisation(code=each.organisation, name=f"Hospital {each.organisation}") for each in profiles]
                )
                tx.roles.put(
                    [
                        Membership(id=each.membership, person=each.person, organisation=each.organisation)
                        for each in profiles[:1]
                    ],
                    profiles,
                )

        await self.store.write(work)

    async def events(self, tag: str | None = None) -> list[Recorded]:
        return list(await self.store.read(lambda tx: tx.audit.search(tag=tag)))

    async def tags(self) -> list[str]:
        return [event.tag for event in await self.events()]

    async def begun(
        self, browser: "Browser", wanted: Asked | None = None, *, issuer: IssuerName = HEALTHCARE
    ) -> LoginId:
        """A log-in that this browser began."""
        wanted = replace(wanted or asked(), return_origin=APPLICATION)
        login, secret = self.journey.prepare(issuer, wanted, b"", reference="ABCD2345", now=self.clock.now())
        await self.store.write(lambda tx: self.journey.start(tx, login))
        browser.http.cookies.set(self.site.cookies.login(login.id), secret.reveal(), domain="care.example.test")
        return login.id


@dataclass
class Browser:
    world: World
    http: httpx2.AsyncClient
    page: str = field(default="", repr=False)

    async def get(self, path: str) -> httpx2.Response:
        return self._seen(await self.http.get(path))

    async def post(self, path: str, **fields: str) -> httpx2.Response:
        """As a browser sends the form of the page it is on."""
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', self.page))
        return self._seen(
            await self.http.post(
                path,
                content=urlencode({"csrf": "", **hidden, **fields}),
                headers={
                    "content-type": "application/x-www-form-urlencoded",
                    "origin": ORIGIN,
                    "sec-fetch-site": "same-origin",
                },
            )
        )

    def _seen(self, response: httpx2.Response) -> httpx2.Response:
        self.page = unescape(response.text) if response.headers.get("content-type", "").startswith("text/html") else ""
        return response

    async def prove(
        self, id: LoginId, way: str = "security-key", *, who: PersonId = ASHA, aal: int = 3, amr: Amr = Amr.FIDO2
    ) -> httpx2.Response:
        """Prove it, and go where one is sent: back to the dispatcher."""
        sent = await self.post(f"/login/{id}/{way}", person=who, aal=str(aal), amr=amr)
        assert sent.headers["location"] == f"/login/{id}"
        return await self.get(f"/login/{id}")

    def cookie(self, base: str) -> str | None:
        return self.http.cookies.get(f"__Host-{base}")
