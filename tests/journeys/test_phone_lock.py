"""What CareKey Phone does when its PIN was tried too often, and when there is no network, in real Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from journeys.test_phone import PIN, add, enter, look, phone
from support.provider import LOCUM, Provider

__all__ = ["phone"]  # a fixture

pytestmark = pytest.mark.browser

TRIED = """(tries) => new Promise((resolve, reject) => {
  const request = indexedDB.open("carekey-phone");
  request.onerror = () => reject(request.error);
  request.onsuccess = () => {
    const changing = request.result.transaction("device", "readwrite");
    const device = changing.objectStore("device");
    const reading = device.get("lock");
    reading.onsuccess = () => device.put({ ...reading.result, tries, pausedUntil: 0 }, "lock");
    changing.oncomplete = () => { request.result.close(); resolve(); };
  };
})"""
"""As if the PIN had been wrong so often, and every pause had gone by."""


@pytest.fixture(autouse=True)
def _no_phones(provider: Provider) -> Iterator[None]:
    yield
    for way in provider.json("person", "show", LOCUM)["ways_to_log_in"]:
        if way["kind"] == "uaf":
            assert provider.run("person", "remove-way", "--", LOCUM, way["id"]).returncode == 0


@pytest.fixture
def page(tab: Page, phone: BrowserContext, provider: Provider, request: pytest.FixtureRequest) -> Page:
    """CareKey Phone with an account, and a text on it that waits, asked by an application of this test alone."""
    page = add(tab, phone, provider.enrol_link(LOCUM))
    provider.json("confirmation", "ask", LOCUM, "Discharge bed 4", "--application", request.node.name)
    page.get_by_role("link", name="Accounts on this device").click()
    open_what_waits(page, request.node.name)
    return page


def open_what_waits(page: Page, application: str) -> None:
    page.get_by_role("button", name=application).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Do you confirm this?")


def is_empty(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("The accounts on this device were removed")
    look(page, "erased")
    page.get_by_role("link", name="Accounts on this device").click()
    expect(page.get_by_text("There are none")).to_be_visible()


def test_after_ten_wrong_pins_nothing_is_left(page: Page) -> None:
    page.evaluate(TRIED, 8)
    enter(page, "pin", "000001", "Confirm")
    expect(page.get_by_text("Too many wrong PINs")).to_be_visible()
    page.evaluate(TRIED, 9)
    enter(page, "pin", "000001", "Confirm")
    is_empty(page)


def test_a_tenth_try_that_was_cut_short_is_the_last_all_the_same(page: Page) -> None:
    """Whoever closes the page before it says that the PIN was wrong gets no further try."""
    page.evaluate(TRIED, 10)
    enter(page, "pin", PIN, "Confirm")
    is_empty(page)


def test_without_a_network_it_lists_its_accounts_and_says_that_it_cannot_go_on(
    page: Page, request: pytest.FixtureRequest
) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    enter(page, "pin", PIN, "Confirm")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no connection")
    look(page, "no-connection")
    page.reload()
    expect(page.get_by_role("button", name="Remove")).to_have_count(1)
    expect(page.get_by_text("We cannot check what waits for you")).to_be_visible()
    look(page, "offline")
    enter(page, "code", "ABCD-EFGH", "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no connection")
    page.context.set_offline(False)
    page.get_by_role("link", name="Accounts on this device").click()
    open_what_waits(page, request.node.name)
    enter(page, "pin", PIN, "Confirm")
    expect(page.get_by_role("heading", level=1)).to_have_text("You confirmed it")
