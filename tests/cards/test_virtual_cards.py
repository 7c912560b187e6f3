"""Cards that the service holds itself: judged as cards in readers are, and never where there are real people."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from carekey.app import settings, smartcards
from carekey.app.settings import SettingsError
from carekey.authenticators.smartcard.authority.registration import CardError
from carekey.authenticators.smartcard.model import CardState, Purpose
from carekey.authenticators.smartcard.virtual import Wallet
from carekey.authenticators.smartcard.writable import SLOTS
from carekey.kernel.ids import PersonId
from support.installation import ORIGIN, Whole
from support.provider import GP, NURSE, SUSPENDED
from support.virtual_cards import HSCN, INTERNET, SETTINGS, Browser, serial_of, with_cards

pytestmark = pytest.mark.anyio

EVERYWHERE = {"WAYS__SMARTCARD__ZONES": '["hscn", "internet"]'}
KARL, RUNS_OUT = "555000000115", "555000000108"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Whole]:
    async with with_cards(tmp_path) as whole:
        yield whole


async def id_token(made: Whole, code: str) -> dict[str, Any]:
    async with made.browser() as application:
        answer = await application.post("/sandbox/access_token", data=made.token_request(code))
    body = str(answer.json()["id_token"]).split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


async def test_a_newcomer_logs_in_with_a_virtual_card_without_hardware(made: Whole) -> None:
    browser = Browser(made)
    at = await browser.ask()
    assert "Use a virtual card" in at.text
    done = await browser.use_card(at, GP)
    assert (await id_token(made, done.arrived()["code"]))["sub"] == GP


@pytest.mark.parametrize(
    ("asked", "address", "amr"),
    [
        ("AAL3_N3_SMARTCARD", HSCN, "N3_SMARTCARD"),
        ("AAL3_SMARTCARD", HSCN, "N3_SMARTCARD"),
        ("AAL3_ANY", HSCN, "N3_SMARTCARD"),
        ("AAL3_CIS2_SMARTCARD", INTERNET, "CIS2_SMARTCARD"),
        ("AAL3_SMARTCARD", INTERNET, "CIS2_SMARTCARD"),
        ("AAL3_ANY", INTERNET, "CIS2_SMARTCARD"),
    ],
)
async def test_cis2_4_2_and_4_3_acr_and_amr_by_the_zone_it_came_from(
    asked: str, address: str, amr: str, tmp_path: Path
) -> None:
    async with with_cards(tmp_path, **EVERYWHERE) as made:
        browser = Browser(made, at=address)
        done = await browser.use_card(await browser.ask(acr_values=asked), GP)
        claims = await id_token(made, done.arrived()["code"])
    assert (claims["acr"], claims["amr"], claims["authentication_assurance_level"]) == (asked, [amr], "3")


@pytest.mark.parametrize(("asked", "address"), [("AAL3_CIS2_SMARTCARD", HSCN), ("AAL3_N3_SMARTCARD", INTERNET)])
async def test_cis2_4_2_a_card_that_cannot_satisfy_the_class_from_here_is_neither_offered_nor_taken(
    asked: str, address: str, tmp_path: Path
) -> None:
    """Nobody types a PIN for nothing, and is then told to select another way where there is none."""
    async with with_cards(tmp_path, **EVERYWHERE) as made:
        browser = Browser(made, at=address)
        at = await browser.ask(acr_values=asked)
        assert (at.status, at.heading) == (403, "You cannot log in from here")
        assert "on this network it is not of the kind that" in at.text
        for path in ("/smartcard", "/smartcard/virtual", "/ways"):
            assert (await browser.open(f"{at.address}{path}")).heading == at.heading
        back = await browser.send(at, "/cancel")
    assert back.arrived()["error"] == "access_denied"


async def test_where_a_card_is_the_only_way_a_refused_one_leads_to_no_other_but_back(made: Whole) -> None:
    browser = Browser(made)
    shown = await browser.ask()
    at = await browser.use_card(shown, KARL)
    for page in (shown, at):
        assert "another way" not in page.text
        assert page.form("/cancel")
    assert "There is no other way to log in that" in at.text
    assert "Registration Authority" in at.text
    assert (await browser.send(at, "/cancel")).arrived()["error"] == "access_denied"


async def test_where_there_is_another_way_a_refused_card_leads_to_it(made: Whole) -> None:
    browser = Browser(made)
    at = await browser.use_card(await browser.ask(acr_values="AAL3_ANY"), KARL)
    assert "Until then, use another way to log in" in at.text
    chooser = await browser.open(f"{at.address.partition('/smartcard')[0]}/ways")
    assert len(chooser.form("/way").choices["way"]) > 1
    assert "There is no other way" not in chooser.text


async def test_the_chooser_of_the_only_way_says_so(made: Whole) -> None:
    browser = Browser(made)
    at = await browser.open(f"{(await browser.ask()).address.removesuffix('/smartcard')}/ways")
    assert list(at.form("/way").choices["way"].values()) == ["smartcard"]
    assert "There is no other way to log in that" in at.text
    assert at.form("/cancel")


async def test_not_you_is_on_the_page_of_a_card_that_runs_out(made: Whole) -> None:
    """Somebody else may have come to the computer while it was shown."""
    browser = Browser(made)
    at = await browser.use_card(await browser.ask(), RUNS_OUT)
    assert at.heading.startswith("Your smartcard runs out on")
    renewed = await browser.send(at, "/renewal")
    assert renewed.heading == "Your smartcard is renewed"
    chooser = await browser.send(renewed, "/someone-else")
    assert chooser.heading.startswith("How do you want to log in?")
    assert (await browser.use_card(chooser, GP)).arrived()["code"]


async def test_a_revoked_card_gets_its_page(made: Whole) -> None:
    browser = Browser(made)
    at = await browser.use_card(await browser.ask(), KARL)
    assert at.status == 422
    assert at.heading.startswith("This smartcard is cancelled")
    refused = made.events()[-1]
    assert (refused["tag"], refused["reason"], refused["claimed_person"]) == (
        "smartcard:log-in:refused",
        "cancelled",
        KARL,
    )


async def test_the_list_alone_refuses_a_virtual_card_too(made: Whole) -> None:
    """Whatever the directory's own state says: revocation is asked for on the way of every card."""
    store, clock = made.installation.store, made.installation.clock
    card = await store.read(lambda tx: tx.cards.find_serial(serial_of(made, GP)))
    assert card is not None
    await store.write(lambda tx: tx.cards.revoke_certificates(card.id, at=clock.now()))
    made.clock.pass_by(minutes=1)
    from carekey.app.asgi import publish_lists

    await publish_lists(made.installation)
    browser = Browser(made)
    at = await browser.use_card(await browser.ask(), GP)
    assert at.heading.startswith("This smartcard is cancelled")
    assert made.events()[-1]["reason"] == "revoked"


async def test_a_card_whose_key_is_not_there_logs_nobody_in(made: Whole) -> None:
    card = smartcards.wallet(made.installation.settings).of(PersonId(GP))
    assert card is not None
    (card.folder / f"{SLOTS[Purpose.AUTHENTICATION][0].hex()}.key").unlink()
    card.make_key(SLOTS[Purpose.AUTHENTICATION][0], "another")
    browser = Browser(made)
    at = await browser.use_card(await browser.ask(), GP)
    assert at.status == 422
    with pytest.raises(CardError, match="do not belong together"):
        card.shown()


async def test_the_zone_gate_is_before_virtual_cards_too(made: Whole) -> None:
    at = await Browser(made, at=INTERNET).ask()
    assert at.heading == "You cannot log in from here"
    at = await Browser(made, at=INTERNET).open(f"{at.address.rpartition('/')[0]}/x/smartcard/virtual")
    assert at.status == 404


@pytest.mark.parametrize("serial", ["", "555000000101", "../../etc/passwd", "555000000101-ffffff", "x"])
async def test_only_a_card_that_is_held_can_be_chosen(made: Whole, serial: str) -> None:
    browser = Browser(made)
    at = await browser.ask()
    shown = await browser.open(f"{at.address}/virtual")
    again = await browser.send(shown, "/virtual", card=serial)
    assert again.status == 422
    assert "Select a card" in again.text


async def test_a_suspended_person_has_no_card_and_nobody_gets_one_twice(made: Whole) -> None:
    from carekey.app import demo_cards

    wallet = smartcards.wallet(made.installation.settings)
    await demo_cards.issue(made.installation)
    before = [card.serial for card in wallet.cards()]
    assert len(before) == 14, "all but the one who is suspended"
    await demo_cards.issue(made.installation)
    assert [card.serial for card in wallet.cards()] == before
    assert wallet.of(PersonId(SUSPENDED)) is None
    cards = await made.installation.store.read(lambda tx: tx.cards.held_by(PersonId(NURSE)))
    assert [card.state for card in cards] == [CardState.ACTIVE]


@pytest.mark.parametrize(
    ("environment", "more"),
    [
        ("production", {}),
        ("sandbox", {"ISSUERS__CARE__SANDBOX": "false"}),
        ("demo", {"ISSUERS__CARE__SANDBOX": "false"}),
    ],
)
def test_settings_refuse_virtual_cards_where_there_are_real_people(environment: str, more: dict[str, str]) -> None:
    given = {
        **SETTINGS,
        "ENVIRONMENT": environment,
        "KEYS__MASTER": "x",
        "ISSUERS__CARE__URL": "https://care.example",
        "ISSUERS__CARE__WAYS": '["smartcard"]',
        **more,
    }
    variables = {f"CAREKEY_{name}": value for name, value in given.items()}
    assert not settings.load(None, variables).virtual_cards(), "never by default"
    with pytest.raises(SettingsError, match=r"smartcards\.virtual"):
        settings.load(None, {**variables, "CAREKEY_SMARTCARDS__VIRTUAL": "true"})


def test_a_sandbox_has_virtual_cards_only_if_it_says_so() -> None:
    variables = {f"CAREKEY_{name}": value for name, value in SETTINGS.items()}
    assert not settings.load(None, variables).virtual_cards()
    assert settings.load(None, {**variables, "CAREKEY_SMARTCARDS__VIRTUAL": "true"}).virtual_cards()


async def test_without_virtual_cards_there_is_no_page_of_them(tmp_path: Path) -> None:
    async with with_cards(tmp_path, SMARTCARDS__VIRTUAL="false") as made:
        browser = Browser(made)
        at = await browser.ask()
        assert "virtual" not in at.text
        assert (await browser.open(f"{at.address}/virtual")).status == 404
        assert (await browser.open(f"{ORIGIN}/demo/cards/{GP}.p12")).status == 404


async def test_the_demo_gives_out_a_card_as_a_file(made: Whole) -> None:
    from cryptography.hazmat.primitives.serialization import pkcs12

    transport = httpx2.ASGITransport(app=made.installation.dispatcher)
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
        page = await browser.get("/demo")
        assert f"/demo/cards/{GP}.p12" in page.text
        answer = await browser.get(f"/demo/cards/{GP}.p12")
        assert (await browser.get(f"/demo/cards/{SUSPENDED}.p12")).status_code == 404
        assert (await browser.get("/demo/cards/..p12")).status_code == 404
    key, certificate, above = pkcs12.load_key_and_certificates(answer.content, b"demo")
    assert key is not None
    assert certificate is not None
    assert certificate.subject.rfc4514_string() == f"CN={GP}"
    assert len(above) == 1
    assert answer.headers["cache-control"] == "no-store"


def test_an_empty_folder_is_an_empty_wallet(tmp_path: Path) -> None:
    assert list(Wallet(tmp_path / "none").cards()) == []
