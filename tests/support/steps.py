"""What a person does on the pages between the application and the application, in Chromium."""

from playwright.sync_api import Page, expect

from support.keys import Key

TITLES = {"security-key": "Security key", "passkey": "Passkey on this device"}


def choose_way(page: Page, way: str) -> None:
    expect(page.get_by_role("heading", name="How do you want to log in?")).to_be_visible()
    page.get_by_label(TITLES[way]).check()
    page.get_by_role("button", name="Continue").click()


def touch(page: Page) -> None:
    """Press Continue on the page of the way; the authenticator in this tab does the rest."""
    page.get_by_role("button", name="Continue", exact=True).click()


def choose_role(page: Page, organisation: str) -> None:
    expect(page.get_by_role("heading", name="Choose your role")).to_be_visible()
    page.get_by_role("radio").and_(page.get_by_label(organisation)).or_(
        page.locator(".nhsuk-radios__item", has_text=organisation).get_by_role("radio")
    ).first.check()
    page.get_by_role("button", name="Continue").click()


def log_in(page: Page, application: str, key: Key, *, ask: str = "log-in", role: str | None = None) -> None:
    """From the application's start page to its page for people who are logged in."""
    key.plug_in(page)
    page.goto(f"{application}/log-in/{ask}")
    choose_way(page, key.way)
    touch(page)
    if role is not None:
        choose_role(page, role)
    page.wait_for_url(f"{application}/**")
