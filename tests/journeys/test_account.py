"""A person's own ways to log in, in real Chromium: seen, added, removed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.browser import Kind, axe, shoot
from support.keys import Key, enrol
from support.provider import LOCUM, Provider
from support.steps import choose_way, touch

pytestmark = pytest.mark.browser

PIN = "402917"


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    context.set_default_timeout(10_000)
    yield context
    context.close()


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def log_in(page: Page, provider: Provider, key: Key) -> None:
    key.plug_in(page)
    page.goto(f"{provider.issuer}/account/ways")
    choose_way(page, key.way)
    touch(page)
    heading(page, "Ways you can log in")


def add_phone(page: Page, phone: BrowserContext) -> Page:
    page.get_by_role("button", name="Add a way to log in").click()
    heading(page, "What do you want to add?")
    assert axe(page) == []
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("link", name="Select what you want to add")).to_be_visible()
    page.get_by_label("Phone or tablet").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Continue").click()
    other = phone.new_page()
    other.goto(page.locator("#phone-here").get_attribute("href") or "")
    heading(other, "Choose a PIN")
    other.locator("#pin").fill(PIN)
    other.locator("#again").fill(PIN)
    other.get_by_role("button", name="Add this device").click()
    heading(other, "This device was added")
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_role("heading", name="You have added a way to log in")).to_be_visible()
    return other


def test_a_person_adds_a_phone_and_removes_it(
    browser: Browser, tab: Page, phone: BrowserContext, provider: Provider
) -> None:
    context = browser.new_context()
    key = enrol(context.new_page(), provider.enrol_link(LOCUM), Kind.SECURITY_KEY)
    context.close()
    log_in(tab, provider, key)
    shoot(tab, "account-ways")
    expect(tab.get_by_text("Add a second way to log in")).to_be_visible()
    tab.get_by_role("link", name="Remove").click()
    heading(tab, "Remove this way to log in?")
    expect(tab.get_by_text("This is your last way to log in")).to_be_visible()
    tab.get_by_role("link", name="Keep it").click()

    other = add_phone(tab, phone)
    tab.goto(f"{provider.issuer}/account/ways")
    expect(tab.locator(".nhsuk-summary-list")).to_have_count(2)
    assert axe(tab) == []
    tab.get_by_role("link", name="Remove CareKey Phone").click()
    expect(tab.get_by_text("This is your last way to log in")).to_have_count(0)
    tab.get_by_role("button", name="Remove", exact=True).click()
    heading(tab, "Removed")
    (left,) = [one for one in provider.json("person", "show", LOCUM)["ways_to_log_in"] if one["kind"] != "userpass"]
    assert left["kind"] == "webauthn"
    assert provider.run("person", "remove-way", "--", LOCUM, left["id"]).returncode == 0
    other.close()
    tab.goto(f"{provider.issuer}/account/ways")
    expect(tab.get_by_role("heading", name="How do you want to log in?")).to_be_visible()
    tab.get_by_role("button", name="Cancel").or_(tab.get_by_role("link", name="Cancel")).first.click()
    expect(tab).to_have_url(f"{provider.issuer}/")
