"""What is taken away while somebody is in the middle of a log-in lets nobody in any more."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from carekey.authenticators.smartcard.authority import registration
from carekey.authenticators.smartcard.model import CardState
from carekey.kernel.actor import operator
from carekey.kernel.ids import PersonId
from carekey.registration import standing
from carekey.sessions.model import Session
from support.installation import Whole
from support.provider import NURSE
from support.virtual_cards import Answer, Browser, serial_of, with_cards

pytestmark = pytest.mark.anyio

BY = operator("test")
ROLE = "openid selectedrole"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Whole]:
    async with with_cards(tmp_path) as whole:
        yield whole


async def sessions(made: Whole) -> list[Session]:
    return list(await made.installation.store.read(lambda tx: tx.sessions.of_person(PersonId(NURSE))))


async def chooses_a_role(browser: Browser, at: Answer) -> Answer:
    role = next(iter(at.form("/role").choices["role"].values()))
    return await browser.send(at, "/role", role=role)


async def test_a_card_that_is_suspended_before_the_role_is_chosen_gets_no_session(made: Whole) -> None:
    """A stolen card and its PIN at the role page, when the registration authority is told of it."""
    browser, store, now = Browser(made), made.installation.store, made.clock.now()
    at = await browser.use_card(await browser.ask(scope=ROLE), NURSE)
    card = await store.read(lambda tx: tx.cards.find_serial(serial_of(made, NURSE)))
    assert card is not None
    await store.write(lambda tx: registration.move(tx, card, to=CardState.SUSPENDED, why="stolen", by=BY, now=now))
    after = await chooses_a_role(browser, at)
    assert urlsplit(after.address).hostname == "localhost", after.address
    assert await sessions(made) == []


async def test_a_way_that_is_removed_before_the_role_is_chosen_gets_no_session(made: Whole) -> None:
    browser, store, now = Browser(made), made.installation.store, made.clock.now()
    shown = await browser.ask(scope=ROLE, acr_values="AAL1_USERPASS")
    at = await browser.send(shown, "/password", username=NURSE, password=f"demo-{NURSE[-3:]}")
    (held,) = await store.read(lambda tx: tx.credentials.held_by(PersonId(NURSE)))
    await store.write(lambda tx: standing.remove_way(tx, PersonId(NURSE), held.id, by=BY, now=now))
    after = await chooses_a_role(browser, at)
    assert urlsplit(after.address).hostname == "localhost", after.address
    assert await sessions(made) == []


async def test_what_is_left_alone_gets_one(made: Whole) -> None:
    for acr, way in (("AAL3_SMARTCARD", "card"), ("AAL1_USERPASS", "password")):
        browser = Browser(made)
        shown = await browser.ask(scope=ROLE, acr_values=acr)
        at = (
            await browser.use_card(shown, NURSE)
            if way == "card"
            else await browser.send(shown, "/password", username=NURSE, password=f"demo-{NURSE[-3:]}")
        )
        assert (await chooses_a_role(browser, at)).arrived()["code"]
