"""What waited for a person and ran out, in real Chromium: their page says so, and what to do."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from journeys.test_decoupled import CIBA, DEVICE, Waiting, enter, prove, relying_party
from support import provider as carekey
from support.browser import Kind, axe, shoot
from support.keys import Key, enrol
from support.processes import free_port
from support.provider import NURSE, Provider
from support.steps import choose_way, touch

pytestmark = [pytest.mark.browser, pytest.mark.node]


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One at which nothing waits for longer than half a minute."""
    port = free_port()
    issuer = {
        "ISSUERS__HEALTHCARE__URL": f"http://localhost:{port}",
        "ISSUERS__HEALTHCARE__SANDBOX": "true",
        "ISSUERS__HEALTHCARE__WAYS": '["security-key", "passkey"]',
        "ISSUERS__HEALTHCARE__DECOUPLED_LIFETIME": "30s",
    }
    with carekey.carekey(tmp_path_factory.mktemp("hasty"), port=port, **issuer) as running:
        yield running


@pytest.fixture(scope="module")
def nurses(hasty: Provider, browser: Browser) -> Key:
    context = browser.new_context()
    key = enrol(context.new_page(), hasty.enrol_link(NURSE), Kind.SECURITY_KEY)
    context.close()
    return key


@pytest.fixture
def new_tab(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Of browsers that know nothing of each other."""
    contexts = []

    def make() -> Page:
        context = browser.new_context()
        context.set_default_timeout(10_000)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


def heading(tab: Page, text: str) -> None:
    expect(tab.get_by_role("heading", level=1)).to_have_text(text)


def at_the_key(tab: Page, key: Key) -> None:
    """Everything but the touch."""
    choose_way(tab, key.way)
    expect(tab.get_by_role("button", name="Continue", exact=True)).to_be_visible()


def ran_out(party: Waiting) -> None:
    """openid-client stops by itself when the time is up, unless it heard so before."""
    assert party.says()["error"] in {"expired_token", "ClientError: operation timed out"}


def test_rfc8628_3_5_a_code_that_ran_out(hasty: Provider, nurses: Key, new_tab: Callable[[], Page]) -> None:
    about = {"client_name": "Trolley", "token_endpoint_auth_method": "none", "grant_types": [DEVICE]}
    trolley = hasty.register(about)["client_id"]
    asked_tab, half_way = new_tab(), new_tab()
    nurses.plug_in(half_way)
    with relying_party("device", hasty.issuer, trolley, "") as device:
        asked = device.says()
        for each in (half_way, asked_tab):
            enter(each, asked)
        half_way.get_by_role("button", name="Yes, log in on that device").click()
        at_the_key(half_way, nurses)
        ran_out(device)
    asked_tab.get_by_role("button", name="Yes, log in on that device").click()
    expect(asked_tab.get_by_role("link", name="it has run out or been used: start again on the device")).to_be_visible()
    assert axe(asked_tab) == []
    shoot(asked_tab, "device-ran-out")
    touch(half_way)
    heading(half_way, "This code cannot be used any more")
    expect(half_way.get_by_text("You were not logged in on the device.")).to_be_visible()
    assert axe(half_way) == []
    shoot(half_way, "device-ran-out-at-the-key")
    half_way.get_by_role("link", name="enter its new code").click()
    heading(half_way, "Log in on another device")


def test_ciba_11_a_request_that_ran_out(hasty: Provider, nurses: Key, new_tab: Callable[[], Page]) -> None:
    about = {
        "client_name": "Desk",
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": [CIBA],
        "backchannel_token_delivery_mode": "poll",
    }
    desk = hasty.register(about)
    reading, half_way = new_tab(), new_tab()
    for each in (reading, half_way):
        each.goto(f"{hasty.issuer}/requests")
        each.get_by_role("button", name="Log in").click()
        prove(each, nurses)
        heading(each, "No requests wait for you")
    arguments = ("ciba", hasty.issuer, desk["client_id"], desk["client_secret"], NURSE, "W4SCT")
    with relying_party(*arguments) as party:
        assert party.says()["expires_in"] == 30
        for each in (half_way, reading):
            each.get_by_role("link", name="Look again").click()
            heading(each, "Requests that wait for you")
        half_way.get_by_role("button", name="Agree and log in").click()
        at_the_key(half_way, nurses)
        ran_out(party)
    reading.get_by_role("button", name="Agree and log in").click()
    touch(half_way)
    for each in (reading, half_way):
        heading(each, "This request cannot be answered any more")
        expect(each.get_by_text("Start again in the application")).to_be_visible()
        assert axe(each) == []
    shoot(half_way, "requests-ran-out")
    reading.get_by_role("link", name="look at your requests").click()
    heading(reading, "No requests wait for you")
