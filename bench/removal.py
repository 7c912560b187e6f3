"""From the card out of the reader to the session ended: a real PC/SC daemon, the companion as it is installed, and a
browser that asks all the time whether it is still logged in.

Needs root, pcscd and vsmartcard-vpcd.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cards
from carekey.authenticators.smartcard.ceremony import known_by
from carekey.kernel.ids import CredentialId
from carekey.storage.open import open_store
from carekey.storage.store import Store
from support.processes import running
from support.reader import Reader, possible, reader

AGENT = cards.ROOT / "companion" / "carekey_agent.py"
BUDGET_SECONDS = 2.0
HOW_MANY = 20
ASKS_EVERY = 0.005
PATIENCE = 20.0


class DidNotHappenError(Exception):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Seconds, for so many cards taken out one after the other."""

    count: int
    median: float
    longest: float


def measure(folder: Path, *, count: int = HOW_MANY) -> Removal | None:
    """None where this machine has no reader."""
    if not possible():
        return None
    with cards.card_pki(folder / "pki") as pki, reader(folder) as slot:
        took = asyncio.run(_removals(folder, pki, slot, count))
    return Removal(count=count, median=median(took), longest=max(took))


async def _removals(folder: Path, pki: cards.CardPki, slot: Reader, count: int) -> list[float]:
    place = await cards.furnished(folder, pki)
    user, certificate = place.users[0], folder / "card.der"
    certificate.write_bytes(place.certificates[user.id])
    card = CredentialId(known_by(place.certificates[user.id]))
    variables = cards.environment(folder, place.port, place.url, place.settings)
    heard = {"PCSCLITE_CSOCK_NAME": str(slot.socket)}
    agent = [sys.executable, AGENT, "--folder", folder / "agent"]
    with cards.carekey(folder, place.port, place.url, place.settings):
        _said(sys.executable, "-m", "carekey", "workstation", "enrol", "Bench", _said(*agent, "key"), **variables)
        async with aclosing(place.journeys()) as journeys:
            # The first use of a card makes it known.
            await journeys.log_in(user)
            run = [*agent, "run", "--service", f"http://localhost:{place.port}"]
            with (
                running(run, answers=lambda: True, log=folder / "agent.log", environment=heard),
                closing(open_store(place.url)) as store,
            ):
                took = []
                for _ in range(count):
                    slot.put_in(certificate)
                    await _noticed(store, card)
                    await journeys.log_in(user)
                    if not await journeys.logged_in(user):
                        raise DidNotHappenError("nobody is logged in")
                    began = time.perf_counter()
                    slot.take_out()
                    while await journeys.logged_in(user):
                        await _again(began)
                    took.append(time.perf_counter() - began)
                return took


async def _noticed(store: Store, card: CredentialId) -> None:
    """Until CareKey knows that the card is in."""
    began = time.perf_counter()
    while True:
        place = await store.read(lambda tx: tx.card_places.find(card))
        if place is not None and place.left_at is None:
            return
        await _again(began)


async def _again(began: float) -> None:
    """Raises: DidNotHappenError."""
    if time.perf_counter() - began > PATIENCE:
        raise DidNotHappenError("the companion says nothing")
    await asyncio.sleep(ASKS_EVERY)


def _said(*command: object, **variables: str) -> str:
    environment: Mapping[str, str] = {**os.environ, **variables}
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode != 0:
        raise DidNotHappenError(done.stderr)
    return done.stdout.strip()
