"""Log-in with CareKey Phone in real Chromium: one context is the ward's computer, another the phone."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.browser import axe, shoot
from support.provider import GP, NURSE, Provider

pytestmark = pytest.mark.browser

PIN = "402917"
PHONE_WIDTH = {"width": 360, "height": 740}


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """A phone that nobody has used before."""
    context = browser.new_context(viewport=PHONE_WIDTH, has_touch=True)
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture(autouse=True)
def _no_phones(provider: Provider) -> Iterator[None]:
    """A person has so many phones at most: a test leaves none behind."""
    yield
    for person in (GP, NURSE):
        for way in provider.json("person", "show", person)["ways_to_log_in"]:
            if way["kind"] == "uaf":
                assert provider.run("person", "remove-way", "--", person, way["id"]).returncode == 0


def add(tab: Page, phone: BrowserContext, link: str, *, pin: str = PIN, new: bool = True) -> Page:
    """Register by link: the computer shows a code, the phone opens what it says."""
    tab.goto(link)
    tab.get_by_label("Phone or tablet").check()
    tab.get_by_role("button", name="This is me, continue").click()
    tab.get_by_role("button", name="Continue").click()
    page = phone.new_page()
    page.goto(tab.locator("#phone-here").get_attribute("href") or "")
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose a PIN" if new else "Enter your PIN")
    page.locator("#pin").fill(pin)
    if new:
        page.locator("#again").fill(pin)
    page.get_by_role("button", name="Add this device").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This device was added")
    return page


def begin(tab: Page, ward: str, way: str = "Phone or tablet") -> None:
    tab.goto(f"{ward}/log-in/log-in")
    tab.get_by_label(way).check()
    tab.get_by_role("button", name="Continue").click()


def ask(tab: Page, ward: str) -> str:
    """From the ward to the page that waits; the code that it shows."""
    begin(tab, ward)
    tab.get_by_role("button", name="Continue").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Check your phone or tablet")
    return tab.locator("#phone-code").text_content() or ""


def open_on(phone: BrowserContext, provider: Provider, code: str) -> Page:
    page = phone.new_page()
    page.goto(f"{provider.issuer}/phone#approve={code}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this you logging in?")
    return page


def number_on(tab: Page) -> str:
    return (tab.locator("#phone-number").text_content() or "").strip()


def enter(page: Page, field: str, value: str, button: str) -> None:
    page.locator(f"#{field}").fill(value)
    page.get_by_role("button", name=button, exact=True).click()


def approve(page: Page, number: str, pin: str = PIN) -> None:
    enter(page, "number", number, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("Enter your PIN")
    enter(page, "pin", pin, "Log in")


def look(page: Page, name: str) -> None:
    assert axe(page) == []
    shoot(page, f"phone-{name}", widths=(360,))


def test_register_by_link_and_log_in_across_devices(
    tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    added = add(tab, phone, provider.enrol_link(GP))
    look(added, "added")
    tab.get_by_role("button", name="Check again").click()
    expect(tab.get_by_role("heading", name="You have added a way to log in")).to_be_visible()
    code = ask(tab, ward)
    look(tab, "waiting")
    page = open_on(phone, provider, code)
    expect(page.get_by_text("Ward 7")).to_be_visible()
    look(page, "is-it-you")
    expect(tab.get_by_role("status")).to_contain_text("Your phone or tablet is ready")
    enter(page, "number", number_on(tab), "Continue")
    look(page, "pin")
    enter(page, "pin", PIN, "Log in")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are logged in on the other device")
    expect(tab.get_by_role("heading", name="You are logged in")).to_be_visible()
    expect(tab.locator("#sub")).to_have_text(GP)
    expect(tab.locator("#aal")).to_have_text("High (level 2)")


def test_the_wrong_number_ends_it_on_both_devices(
    tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    add(tab, phone, provider.enrol_link(GP))
    page = open_on(phone, provider, ask(tab, ward))
    wrong = "10" if number_on(tab) != "10" else "11"
    enter(page, "number", wrong, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("The number was wrong")
    expect(tab.get_by_role("heading", level=1)).to_have_text("The number was wrong")
    look(tab, "wrong-number")
    tab.get_by_role("button", name="Try again").click()
    code = tab.locator("#phone-code").text_content() or ""
    approve(open_on(phone, provider, code), number_on(tab))
    expect(tab.locator("#sub")).to_have_text(GP)


def test_a_refusal_on_the_phone_shows_on_the_computer(
    tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    add(tab, phone, provider.enrol_link(GP))
    page = open_on(phone, provider, ask(tab, ward))
    page.get_by_role("button", name="This is not me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You refused")
    expect(tab.get_by_role("heading", level=1)).to_have_text("You refused on your phone or tablet")
    look(tab, "refused")


def two_minutes_later(provider: Provider) -> None:
    """As if they had gone by: every approval that waits has run out."""
    with closing(sqlite3.connect(provider.folder / "data" / "carekey.db", timeout=30)) as database, database:
        for code, data in database.execute("SELECT code, data FROM approvals").fetchall():
            past = json.dumps({**json.loads(data), "expires_at": "2026-01-01T00:00:00Z"})
            database.execute("UPDATE approvals SET data = ? WHERE code = ?", (past, code))


def test_an_approval_that_took_too_long_ends_on_both_devices(
    tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    add(tab, phone, provider.enrol_link(GP))
    page = open_on(phone, provider, ask(tab, ward))
    number = number_on(tab)
    two_minutes_later(provider)
    enter(page, "number", number, "Continue")
    expect(page.get_by_role("heading", level=1)).to_have_text("That took too long")
    look(page, "too-long-on-the-phone")
    tab.get_by_role("button", name="Check again").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("That took too long")
    look(tab, "too-long")
    tab.get_by_role("button", name="Try again").click()
    approve(open_on(phone, provider, tab.locator("#phone-code").text_content() or ""), number_on(tab))
    expect(tab.locator("#sub")).to_have_text(GP)


def test_a_code_is_for_the_first_phone_that_comes(
    tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    code = ask(tab, ward)
    open_on(phone, provider, code)
    second = phone.new_page()
    second.goto(f"{provider.issuer}/phone#approve={code}")
    expect(second.get_by_role("heading", level=1)).to_have_text("This code does not work")


def test_without_script_the_computer_checks_again(
    browser: Browser, tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    add(tab, phone, provider.enrol_link(GP))
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    code = ask(plain, ward)
    approve(open_on(phone, provider, code), number_on(plain))
    plain.wait_for_timeout(300)
    plain.get_by_role("button", name="Check again").click()
    expect(plain.locator("#sub")).to_have_text(GP)
    context.close()


def test_the_code_can_be_typed_and_a_wrong_pin_says_how_many_tries_are_left(
    tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    page = add(tab, phone, provider.enrol_link(GP))
    code = ask(tab, ward)
    page.get_by_role("link", name="Accounts on this device").click()
    look(page, "accounts")
    enter(page, "code", "nonsense", "Continue")
    expect(page.get_by_text("Check the code")).to_be_visible()
    enter(page, "code", code.lower().replace("-", " "), "Continue")
    enter(page, "number", number_on(tab), "Continue")
    enter(page, "pin", "000001", "Log in")
    expect(page.get_by_text("That PIN is wrong. You have 4 tries left")).to_be_visible()
    look(page, "wrong-pin")
    enter(page, "pin", PIN, "Log in")
    expect(tab.locator("#sub")).to_have_text(GP)


def test_pins_that_are_tried_too_often_have_to_wait_and_a_reload_does_not_help(
    tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    add(tab, phone, provider.enrol_link(GP))
    page = open_on(phone, provider, ask(tab, ward))
    enter(page, "number", number_on(tab), "Continue")
    for left in (4, 3, 2, 1):
        enter(page, "pin", "000001", "Log in")
        expect(page.get_by_text(f"You have {left} {'try' if left == 1 else 'tries'} left")).to_be_visible()
    enter(page, "pin", "000001", "Log in")
    expect(page.get_by_text("Too many wrong PINs")).to_be_visible()
    page.close()
    tab.get_by_role("button", name="Show a new code").click()
    again = open_on(phone, provider, tab.locator("#phone-code").text_content() or "")
    approve(again, number_on(tab))
    expect(again.get_by_text("Too many wrong PINs")).to_be_visible()


def test_a_weak_pin_is_not_taken(tab: Page, phone: BrowserContext, provider: Provider) -> None:
    tab.goto(provider.enrol_link(GP))
    tab.get_by_label("Phone or tablet").check()
    tab.get_by_role("button", name="This is me, continue").click()
    look(tab, "add")
    tab.get_by_role("button", name="Continue").click()
    look(tab, "scan")
    page = phone.new_page()
    page.goto(tab.locator("#phone-here").get_attribute("href") or "")
    look(page, "choose-pin")
    for pin, why in (("1234", "6 to 12 numbers"), ("123456", "numbers in a row"), ("777777", "all the same")):
        page.locator("#pin").fill(pin)
        page.locator("#again").fill(pin)
        page.get_by_role("button", name="Add this device").click()
        expect(page.locator("#pin-error")).to_contain_text(why)
    look(page, "weak-pin")


def test_the_screen_lock_of_the_device_takes_the_place_of_a_pin(
    tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    """Its secret opens the keys (WebAuthn level 3 section 10.1.4): without it there is nothing to sign with."""
    page = phone.new_page()
    session = phone.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "hasPrf": True,
        "automaticPresenceSimulation": True,
    }
    lock = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    tab.goto(provider.enrol_link(GP))
    tab.get_by_label("Phone or tablet").check()
    tab.get_by_role("button", name="This is me, continue").click()
    tab.get_by_role("button", name="Continue").click()
    page.goto(tab.locator("#phone-here").get_attribute("href") or "")
    expect(page.get_by_role("button", name="Use the screen lock")).to_be_visible()
    look(page, "choose-lock")
    page.get_by_role("button", name="Use the screen lock").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This device was added")

    code = ask(tab, ward)
    page.get_by_role("link", name="Accounts on this device").click()
    enter(page, "code", code, "Continue")
    enter(page, "number", number_on(tab), "Continue")
    expect(page.locator("#pin")).to_be_hidden()
    look(page, "screen-lock")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are logged in on the other device")
    expect(tab.locator("#sub")).to_have_text(GP)

    ask_to_confirm(provider, tab, "Discharge bed 4")
    page.get_by_role("link", name="Accounts on this device").click()
    open_what_waits(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": lock, "isUserVerified": False})
    page.get_by_role("button", name="Confirm", exact=True).click()
    expect(page.get_by_text("Your device did not confirm that it is you")).to_be_visible()
    look(page, "screen-lock-refused")
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You refused")


def test_the_keys_are_kept_sealed(tab: Page, phone: BrowserContext, provider: Provider) -> None:
    """Nothing in the browser's store can sign, nor be taken out and read, without the PIN."""
    page = add(tab, phone, provider.enrol_link(GP))
    kept = page.evaluate(
        """() => new Promise((resolve, reject) => {
          const request = indexedDB.open("carekey-phone");
          request.onerror = () => reject(request.error);
          request.onsuccess = () => {
            const reading = request.result.transaction(["keys", "device"]).objectStore("keys").getAll();
            reading.onsuccess = () => resolve(reading.result.map((row) => Object.entries(row)
              .map(([name, value]) => [name, value instanceof CryptoKey ? "key" : typeof value])));
          };
        })"""
    )
    (account,) = [dict(row) for row in kept]
    assert "key" not in account.values()
    assert account["wrapped"] == "object"


def test_log_in_on_the_same_device(tab: Page, provider: Provider, ward: str) -> None:
    add(tab, tab.context, provider.enrol_link(GP))
    begin(tab, ward, "CareKey Phone on this device")
    look(tab, "here")
    tab.get_by_role("button", name="Continue").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Enter your PIN")
    enter(tab, "pin", PIN, "Log in")
    expect(tab.locator("#sub")).to_have_text(GP)
    expect(tab.locator("#aal")).to_have_text("High (level 2)")


def test_a_device_without_an_account_leads_back_to_the_other_ways(tab: Page, ward: str) -> None:
    begin(tab, ward, "CareKey Phone on this device")
    tab.get_by_role("button", name="Continue").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("There is no account for this on this device")
    tab.get_by_role("link", name="Use another way to log in").click()
    expect(tab.get_by_role("heading", name="How do you want to log in?")).to_be_visible()


def test_two_people_can_share_a_tablet_each_with_an_account(
    tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    add(tab, phone, provider.enrol_link(GP))
    add(tab, phone, provider.enrol_link(NURSE), new=False)
    page = open_on(phone, provider, ask(tab, ward))
    enter(page, "number", number_on(tab), "Continue")
    page.get_by_label(re.compile("Sullivan")).check()
    enter(page, "pin", PIN, "Log in")
    expect(tab.get_by_role("heading", name="Choose your role")).to_be_visible()


def test_removed_by_an_operator_it_is_refused_and_forgets_its_key(
    tab: Page, phone: BrowserContext, provider: Provider, ward: str
) -> None:
    add(tab, phone, provider.enrol_link(GP))
    held = [way for way in provider.json("person", "show", GP)["ways_to_log_in"] if way["kind"] == "uaf"]
    done = provider.run("person", "remove-way", "--", GP, held[-1]["id"])
    assert done.returncode == 0, done.stderr
    page = open_on(phone, provider, ask(tab, ward))
    approve(page, number_on(tab))
    expect(page.get_by_text("This device was removed from your account")).to_be_visible()
    expect(tab.get_by_role("heading", level=1)).to_have_text("We could not accept the answer of your phone or tablet")
    page.get_by_role("link", name="Accounts on this device").click()
    expect(page.get_by_text("There are none")).to_be_visible()


def ask_to_confirm(provider: Provider, tab: Page, text: str) -> str:
    """Asked by command, with the page that waits open on the computer; its id."""
    asked = provider.json("confirmation", "ask", GP, text, "--application", "Ward 7")
    tab.goto(asked["page"])
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Read and confirm on your phone or tablet")
    return asked["id"]


def open_what_waits(page: Page) -> None:
    page.get_by_role("button", name="Ward 7").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Do you confirm this?")


def test_a_prescription_is_confirmed_on_the_phone_and_its_evidence_holds(
    tab: Page, phone: BrowserContext, provider: Provider, tmp_path: Path
) -> None:
    text = "Prescribe amoxicillin 500 mg  <b>three</b> times a day\nfor 7 days"
    page = add(tab, phone, provider.enrol_link(GP))
    id = ask_to_confirm(provider, tab, text)
    page.get_by_role("link", name="Accounts on this device").click()
    expect(page.get_by_role("button", name="Ward 7")).to_be_visible()
    look(page, "what-waits")
    open_what_waits(page)
    assert page.locator(".carekey-to-confirm").evaluate("one => one.textContent") == text
    look(page, "confirm")
    enter(page, "pin", "000001", "Confirm")
    expect(page.get_by_text("That PIN is wrong")).to_be_visible()
    enter(page, "pin", PIN, "Confirm")
    expect(page.get_by_role("heading", level=1)).to_have_text("You confirmed it")
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Confirmed")
    file = tmp_path / "prescription.json"
    assert provider.run("evidence", "export", id, "-o", str(file)).returncode == 0
    verdict = provider.json("evidence", "verify", str(file))
    assert (verdict["verdict"], verdict["signed"], verdict["person"]) == ("HOLDS", text, GP)
    assert provider.json("evidence", "list", GP)[0]["id"] == id
    file.write_text(file.read_text().replace("500 mg", "5000 mg"))
    done = provider.run("evidence", "verify", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith("DOES NOT HOLD")


def test_what_is_refused_or_taken_back_is_gone_from_the_phone(
    tab: Page, phone: BrowserContext, provider: Provider
) -> None:
    page = add(tab, phone, provider.enrol_link(GP))
    ask_to_confirm(provider, tab, "Discharge bed 4")
    page.get_by_role("link", name="Accounts on this device").click()
    open_what_waits(page)
    page.get_by_role("button", name="Refuse").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You refused")
    expect(tab.get_by_role("heading", level=1)).to_contain_text("You refused on your phone or tablet")
    page.get_by_role("link", name="Accounts on this device").click()
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    look(page, "nothing-waits")


def test_two_tabs_that_answer_one_question_confirm_it_once(
    tab: Page, phone: BrowserContext, provider: Provider
) -> None:
    page = add(tab, phone, provider.enrol_link(GP))
    ask_to_confirm(provider, tab, "Discharge bed 4")
    page.get_by_role("link", name="Accounts on this device").click()
    other = phone.new_page()
    other.goto(f"{provider.issuer}/phone")
    for one in (page, other):
        open_what_waits(one)
    enter(page, "pin", PIN, "Confirm")
    expect(page.get_by_role("heading", level=1)).to_have_text("You confirmed it")
    other.get_by_role("button", name="Refuse").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("This is no longer needed")


def test_an_account_is_removed_on_the_device(tab: Page, phone: BrowserContext, provider: Provider) -> None:
    page = add(tab, phone, provider.enrol_link(GP))
    page.get_by_role("link", name="Accounts on this device").click()
    page.get_by_role("button", name="Remove").click()
    look(page, "remove")
    page.get_by_role("button", name="Remove account").click()
    expect(page.get_by_text("There are none")).to_be_visible()


def test_discovery_names_the_uaf_endpoints(provider: Provider) -> None:
    told = httpx2.get(f"{provider.issuer}/.well-known/openid-configuration").json()
    assert told["fido_uaf_authentication_request_endpoint"] == f"{provider.issuer}/uaf/auth/request"
    named = [name for name in told if name.startswith("fido_uaf_")]
    assert len(named) == 4
    for name in named:
        answer = httpx2.post(told[name], content=b"{}", headers={"content-type": "application/fido+uaf"})
        asks = 1401 if "reg" in name else 1491  # without an activation code; for no log-in that is open
        assert answer.json() == {"statusCode": 1400 if name.endswith("response_endpoint") else asks}


def test_ciba_7_1_a_client_without_a_browser_is_agreed_to_on_the_phone(
    tab: Page, phone: BrowserContext, provider: Provider
) -> None:
    page = add(tab, phone, provider.enrol_link(GP))
    grant = "urn:openid:params:grant-type:ciba"
    client = provider.register(
        {
            "client_name": "Pharmacy desk",
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": [grant],
            "backchannel_token_delivery_mode": "poll",
        }
    )
    own = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    asked = {"scope": "openid profile", "login_hint": GP, "binding_message": "W4SCT", "acr_values": "AAL2_OR_AAL3_ANY"}
    begun = httpx2.post(f"{provider.issuer}/bc-authorize", data={**own, **asked}).json()

    def poll() -> httpx2.Response:
        return httpx2.post(
            f"{provider.issuer}/access_token", data={**own, "grant_type": grant, "auth_req_id": begun["auth_req_id"]}
        )

    assert poll().json()["error"] == "authorization_pending"
    page.get_by_role("link", name="Accounts on this device").click()
    page.get_by_role("button", name="Pharmacy desk").click()
    expect(page.locator(".carekey-to-confirm")).to_have_text("Log in to Pharmacy desk: W4SCT")
    enter(page, "pin", PIN, "Confirm")
    expect(page.get_by_role("heading", level=1)).to_have_text("You confirmed it")
    page.wait_for_timeout(5_000)  # the interval; whoever decided is heard of within a second
    tokens = poll()
    assert tokens.status_code == 200, tokens.text
    me = httpx2.get(
        f"{provider.issuer}/userinfo", headers={"authorization": f"Bearer {tokens.json()['access_token']}"}
    ).json()
    assert me["sub"] == GP
