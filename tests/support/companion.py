"""A companion in this process: its own signing, in the time of the installation."""

import time
from collections.abc import Sequence

import httpx2

from carekey.app import smartcards
from carekey.kernel.actor import operator
from carekey.kernel.ids import PersonId
from carekey.workstations import enrolling
from carekey.workstations.model import Workstation
from carekey_agent import Ed25519, Service
from support.installation import ORIGIN, Whole

BY = operator("test")


class Companion:
    def __init__(self, made: Whole, number: int = 1) -> None:
        self._made = made
        self.service = Service(origin=ORIGIN, key=Ed25519(bytes([number]) * 32))

    async def enrol(self, name: str = "Ward 7, bay 2") -> Workstation:
        key, now = self.service.key.public(), self._made.clock.now()
        return await self._made.installation.store.write(lambda tx: enrolling.enrol(tx, name, key, by=BY, now=now))

    def statement(self, *people: str) -> bytes:
        """These people's cards are in, by the clock of the installation."""
        self.service.ahead = int(self._made.clock.now().timestamp() * 1000) - time.time_ns() // 1_000_000
        return self.service.statement([certificate(self._made, one) for one in people])

    async def say(self, *people: str) -> httpx2.Response:
        return await send(self._made, self.statement(*people))


async def send(made: Whole, statement: bytes) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=made.installation.dispatcher)
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        return await client.post("/workstations/cards", content=statement, headers={"content-type": "application/jwt"})


def certificate(made: Whole, person: str) -> bytes:
    card = smartcards.wallet(made.installation.settings).of(PersonId(person))
    assert card is not None
    (der,) = card.shown()
    return der


def tags(events: Sequence[dict[str, object]]) -> list[object]:
    return [event["tag"] for event in events]
