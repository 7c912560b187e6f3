"""Without a browser at hand: a device beside the desk, and an application that asks from elsewhere, in real Chromium
and with npm `openid-client` as the relying party."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from support import node
from support.browser import Kind, axe, shoot
from support.keys import Key, KeyOf
from support.provider import GP, NURSE, Provider
from support.steps import choose_way, touch

pytestmark = [pytest.mark.browser, pytest.mark.node]

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CIBA = "urn:openid:params:grant-type:ciba"


class Waiting:
    """The relying party: what it said, line by line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def says(self) -> Mapping[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "it ended without a word"
        said: Mapping[str, Any] = json.loads(line)
        return said


@contextmanager
def relying_party(*arguments: str) -> Iterator[Waiting]:
    process = subprocess.Popen(
        [node.node(), "decoupled.mjs", *arguments], cwd=node.FOLDER, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Waiting(process)
    finally:
        process.kill()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def trolley(provider: Provider) -> str:
    about = {
        "client_name": "Medicine trolley",
        "token_endpoint_auth_method": "none",
        "grant_types": [DEVICE],
    }
    id: str = provider.register(about)["client_id"]
    return id


@pytest.fixture(scope="module")
def desk(provider: Provider) -> Mapping[str, Any]:
    about = {
        "client_name": "Pharmacy desk",
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": [CIBA],
        "backchannel_token_delivery_mode": "poll",
    }
    return provider.register(about)


@pytest.fixture
def second_tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def prove(tab: Page, key: Key) -> None:
    key.plug_in(tab)
    choose_way(tab, key.way)
    touch(tab)


def enter(tab: Page, asked: Mapping[str, Any]) -> None:
    tab.goto(asked["verification_uri"])
    tab.get_by_label("Code on the device").fill(asked["user_code"].lower())
    tab.get_by_role("button", name="Continue").click()
    expect(tab.get_by_role("heading", name="Is this device in front of you?")).to_be_visible()


def test_a_device_beside_the_desk(tab: Page, provider: Provider, trolley: str, key_of: KeyOf) -> None:
    with relying_party("device", provider.issuer, trolley, "") as device:
        asked = device.says()
        enter(tab, asked)
        expect(tab.get_by_text(asked["user_code"])).to_be_visible()
        assert axe(tab) == []
        tab.get_by_role("button", name="Yes, log in on that device").click()
        prove(tab, key_of(NURSE, Kind.SECURITY_KEY))
        expect(tab.get_by_role("heading", name="Go back to your device")).to_be_visible()
        shoot(tab, "device-journey-agreed")
        got = device.says()
    assert got["claims"]["sub"] == got["userinfo"]["sub"] == NURSE


def test_who_logs_out_at_the_desk_stays_logged_in_on_the_device(
    tab: Page, provider: Provider, trolley: str, key_of: KeyOf
) -> None:
    with relying_party("device", provider.issuer, trolley, "") as device:
        asked = device.says()
        tab.goto(asked["verification_uri_complete"])
        tab.get_by_role("button", name="Yes, log in on that device").click()
        prove(tab, key_of(NURSE, Kind.SECURITY_KEY))
        tab.get_by_role("link", name="log out here").click()
        tab.get_by_role("button", name="Log out").click()
        expect(tab.get_by_role("heading", name="You have logged out")).to_be_visible()
        assert device.says()["userinfo"]["sub"] == NURSE


def test_refused_on_the_page_the_device_hears_it(tab: Page, provider: Provider, trolley: str) -> None:
    with relying_party("device", provider.issuer, trolley, "") as device:
        enter(tab, device.says())
        tab.get_by_role("button", name="No, refuse").click()
        expect(tab.get_by_role("heading", name="Nobody was logged in on the device")).to_be_visible()
        assert device.says() == {"error": "access_denied"}


def test_a_second_person_comes_too_late(
    tab: Page, second_tab: Page, provider: Provider, trolley: str, key_of: KeyOf
) -> None:
    with relying_party("device", provider.issuer, trolley, "") as device:
        asked = device.says()
        for each in (tab, second_tab):
            enter(each, asked)
            each.get_by_role("button", name="Yes, log in on that device").click()
        prove(tab, key_of(NURSE, Kind.SECURITY_KEY))
        expect(tab.get_by_role("heading", name="Go back to your device")).to_be_visible()
        prove(second_tab, key_of(GP, Kind.SECURITY_KEY))
        expect(second_tab.get_by_role("heading", name="This code cannot be used any more")).to_be_visible()
        assert device.says()["claims"]["sub"] == NURSE


def test_a_wrong_code_without_script(browser: Browser, provider: Provider, trolley: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{provider.issuer}/device")
    for _ in range(5):
        tab.get_by_label("Code on the device").fill("BBBB BBBB")
        tab.get_by_role("button", name="Continue").click()
        expect(tab.locator("#user_code-error")).to_contain_text("Check the code")
    tab.get_by_role("button", name="Continue").click()
    expect(tab.get_by_role("heading", name="Too many wrong codes")).to_be_visible()
    context.close()


def test_an_application_asks_from_elsewhere(
    tab: Page, second_tab: Page, provider: Provider, desk: Mapping[str, Any], key_of: KeyOf
) -> None:
    arguments = ("ciba", provider.issuer, desk["client_id"], desk["client_secret"], NURSE, "W4SCT 7")
    with relying_party(*arguments) as party:
        assert party.says()["interval"] == 5
        second_tab.goto(f"{provider.issuer}/requests")
        second_tab.get_by_role("button", name="Log in").click()
        prove(second_tab, key_of(GP, Kind.SECURITY_KEY))
        expect(second_tab.get_by_role("heading", name="No requests wait for you")).to_be_visible()
        tab.goto(f"{provider.issuer}/requests")
        tab.get_by_role("button", name="Log in").click()
        nurse = key_of(NURSE, Kind.SECURITY_KEY)
        prove(tab, nurse)
        expect(tab.get_by_text("W4SCT 7", exact=True)).to_be_visible()
        assert axe(tab) == []
        shoot(tab, "requests-journey")
        tab.get_by_role("button", name="Agree and log in").click()
        choose_way(tab, nurse.way)
        touch(tab)
        expect(tab.get_by_role("heading", name="You have agreed")).to_be_visible()
        got = party.says()
    assert got["claims"]["sub"] == got["userinfo"]["sub"] == NURSE


def test_a_request_that_is_refused(tab: Page, provider: Provider, desk: Mapping[str, Any], key_of: KeyOf) -> None:
    arguments = ("ciba", provider.issuer, desk["client_id"], desk["client_secret"], NURSE, "W4SCT 8")
    with relying_party(*arguments) as party:
        party.says()
        tab.goto(f"{provider.issuer}/requests")
        tab.get_by_role("button", name="Log in").click()
        prove(tab, key_of(NURSE, Kind.SECURITY_KEY))
        tab.get_by_role("button", name="Refuse").click()
        expect(tab.get_by_role("heading", name="You have refused")).to_be_visible()
        assert party.says() == {"error": "access_denied"}


CODE = "48k2x9"


def choose_code(tab: Page, provider: Provider, key: Key) -> None:
    """At the person's account, after logging in."""
    tab.goto(f"{provider.issuer}/account/user-code")
    prove(tab, key)
    expect(tab.get_by_role("heading", name="Your user code")).to_be_visible()
    tab.get_by_label("New user code", exact=True).fill("123456")
    tab.get_by_label("New user code again").fill("123456")
    tab.get_by_role("button", name="Save user code").click()
    expect(tab.get_by_role("link", name="User code must not be easy to guess")).to_be_visible()
    tab.get_by_label("New user code", exact=True).fill(CODE.upper())
    tab.get_by_label("New user code again").fill(CODE)
    tab.get_by_role("button", name="Save user code").click()
    expect(tab.get_by_role("heading", name="User code saved")).to_be_visible()
    assert axe(tab) == []


def test_ciba_7_1_openid_client_asks_with_the_code_that_the_person_chose(
    tab: Page, provider: Provider, key_of: KeyOf
) -> None:
    counter = provider.register(
        {
            "client_name": "Stock room",
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": [CIBA],
            "backchannel_token_delivery_mode": "poll",
            "backchannel_user_code_parameter": True,
        }
    )
    arguments = ("ciba", provider.issuer, counter["client_id"], counter["client_secret"], GP, "W4SCT 9")
    with relying_party(*arguments, CODE) as party:
        assert party.says() == {"error": "invalid_user_code"}
    gp = key_of(GP, Kind.SECURITY_KEY)
    choose_code(tab, provider, gp)
    assert provider.json("person", "show", GP)["user_code_chosen"]
    with relying_party(*arguments) as party:
        assert party.says() == {"error": "missing_user_code"}
    with relying_party(*arguments, "48k2x8") as party:
        assert party.says() == {"error": "invalid_user_code"}
    with relying_party(*arguments, "48K2 X9") as party:
        assert party.says()["interval"] == 5
        tab.goto(f"{provider.issuer}/requests")
        expect(tab.get_by_text("W4SCT 9", exact=True)).to_be_visible()
        tab.get_by_role("button", name="Agree and log in").click()
        choose_way(tab, gp.way)
        touch(tab)
        expect(tab.get_by_role("heading", name="You have agreed")).to_be_visible()
        got = party.says()
    assert got["claims"]["sub"] == got["userinfo"]["sub"] == GP
    assert provider.run("person", "remove-user-code", GP).returncode == 0
    again = provider.run("person", "remove-user-code", GP)
    assert (again.returncode, "has no user code" in again.stderr) == (3, True)
    with relying_party(*arguments, CODE) as party:
        assert party.says() == {"error": "invalid_user_code"}
