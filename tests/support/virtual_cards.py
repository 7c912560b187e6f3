"""An installation in this process whose people have virtual cards, and a person who uses them by redirects alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2

from carekey.app import card_authority, data_folder, demo_cards, master_key, settings, smartcards
from carekey.jose.sealing import Sealing
from carekey.kernel.entropy import SystemEntropy
from carekey.kernel.ids import PersonId
from support.installation import CALLBACK, ORIGIN, Hands, Whole, answered, whole
from support.person import Form, Forms
from support.provider import GP, NURSE, SUSPENDED

HSCN, INTERNET = "10.20.0.2", "203.0.113.2"
HOLDERS = tuple(map(PersonId, (GP, NURSE, SUSPENDED, demo_cards.REVOKED, demo_cards.RUNS_OUT)))
SETTINGS = {
    "SMARTCARDS__URL": "https://localhost:8443",
    "SMARTCARDS__PROXIED": "true",
    "SERVER__PROXIES": '["127.0.0.9/32"]',
    "ZONES__HSCN": '["10.20.0.0/16"]',
}


@asynccontextmanager
async def with_cards(folder: Path, **variables: str) -> AsyncIterator[Whole]:
    given = {**SETTINGS, **variables}
    found = settings.load(
        None,
        {"CAREKEY_ENVIRONMENT": "demo", "CAREKEY_DATA": str(folder)}
        | {f"CAREKEY_{name}": value for name, value in given.items()},
    )
    data_folder.prepare(found)
    entropy = SystemEntropy()
    sealing = Sealing(master_key.read(found), entropy=entropy)
    card_authority.create(found, sealing, organisation="Test", clock=Hands(), entropy=entropy)
    async with whole(folder, **given) as made:
        await demo_cards.issue(made.installation, HOLDERS)
        yield made


def serial_of(made: Whole, person: str) -> str:
    card = smartcards.wallet(made.installation.settings).of(PersonId(person))
    assert card is not None
    return card.serial


@dataclass(slots=True)
class Answer:
    """Where somebody has come to: a page, or an address at the application."""

    address: str
    status: int = 0
    text: str = ""
    headers: httpx2.Headers | None = None
    redirects: int = 0

    @property
    def heading(self) -> str:
        return " ".join(Forms(self.text).heading.split())

    def form(self, ending: str) -> Form:
        return next(form for form in Forms(self.text).forms if form.action.endswith(ending))

    def arrived(self) -> dict[str, str]:
        """What the application was told."""
        assert self.address.startswith(CALLBACK), self.heading
        return answered(self.address)


class Browser:
    """One browser at one address, its cookies kept from person to person, as on a ward."""

    def __init__(self, made: Whole, *, at: str = HSCN) -> None:
        self._made = made
        self.cookies = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(
                app=made.installation.dispatcher, raise_app_exceptions=True, client=(at, 50000)
            ),
            base_url=ORIGIN,
            headers={"origin": ORIGIN},
        )

    async def open(self, address: str) -> Answer:
        return await self._follow(await self.cookies.get(address))

    async def send(self, at: Answer, ending: str, **values: str) -> Answer:
        form = at.form(ending)
        return await self._follow(
            await self.cookies.post(urljoin(at.address, form.action), data={**form.fields, **values})
        )

    async def ask(self, **changed: str) -> Answer:
        """From the application, to whatever page comes first."""
        return await self.open(f"/sandbox/authorize?{self._made.asks(**{'acr_values': 'AAL3_SMARTCARD', **changed})}")

    async def use_card(self, at: Answer, person: str) -> Answer:
        """From any page of a log-in."""
        login = "/".join(urlsplit(at.address).path.split("/")[:3])
        shown = await self.open(f"{login}/smartcard/virtual")
        return await self.send(shown, "/virtual", card=serial_of(self._made, person))

    async def _follow(self, answer: httpx2.Response) -> Answer:
        redirects = 0
        while answer.has_redirect_location:
            redirects += 1
            target = urljoin(str(answer.url), answer.headers["location"])
            if target.startswith(CALLBACK):
                return Answer(target, redirects=redirects)
            answer = await self.cookies.get(target)
        return Answer(str(answer.url), answer.status_code, answer.text, answer.headers, redirects)
