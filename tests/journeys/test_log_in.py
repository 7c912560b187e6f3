"""A clinician logs in to a clinical system: real Chromium, a real relying party, keys of every kind."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import Kind, axe, shoot
from support.keys import KeyOf, enrol
from support.provider import GP, LOCUM, NO_ROLE, NURSE, SUSPENDED, Provider
from support.steps import choose_role, choose_way, log_in, touch

pytestmark = pytest.mark.browser

AAL = {Kind.SECURITY_KEY: "Very high (level 3)", Kind.PLATFORM: "Very high (level 3)", Kind.SYNCED: "High (level 2)"}
AMR = {Kind.SECURITY_KEY: "Security key or built-in sensor", Kind.SYNCED: "Passkey"}


@pytest.mark.parametrize("kind", Kind)
def test_enrol_by_link_log_in_choose_a_role_and_land_in_the_ward(
    tab: Page, provider: Provider, ward: str, kind: Kind
) -> None:
    key = enrol(tab, provider.enrol_link(NURSE), kind)
    tab.goto(ward)
    tab.get_by_role("link", name="Log in", exact=True).click()
    choose_way(tab, key.way)
    expect(tab.get_by_text("to continue to Ward 7")).to_be_visible()
    touch(tab)
    choose_role(tab, "ST HILDA'S COMMUNITY HOSPITAL")
    expect(tab.get_by_role("heading", name="You are logged in")).to_be_visible()
    expect(tab.locator("#name")).to_have_text("Niamh O'Sullivan")
    expect(tab.locator("#sub")).to_have_text(NURSE)
    expect(tab.locator("#role")).to_contain_text("ST HILDA'S COMMUNITY HOSPITAL")
    expect(tab.locator("#aal")).to_have_text(AAL[kind])
    expect(tab.locator("#amr")).to_have_text(AMR.get(kind, AMR[Kind.SECURITY_KEY]))
    assert tab.url == f"{ward}/", "nothing of the log-in stays in the address"


def test_an_enrolment_link_works_once(tab: Page, provider: Provider, browser: Browser) -> None:
    link = provider.enrol_link(NURSE)
    enrol(tab, link, Kind.SECURITY_KEY)
    other = browser.new_context()
    page = other.new_page()
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("This link has been used")
    other.close()


def test_cis2_5_4_one_role_is_chosen_without_asking(tab: Page, ward: str, key_of: KeyOf) -> None:
    log_in(tab, ward, key_of(GP, Kind.SECURITY_KEY))
    expect(tab.locator("#role")).to_contain_text("MILL LANE SURGERY (Z10001)")


def test_cis2_5_4_more_than_five_roles_are_searched(tab: Page, ward: str, key_of: KeyOf) -> None:
    key_of(LOCUM, Kind.SECURITY_KEY).plug_in(tab)
    tab.goto(f"{ward}/log-in/log-in")
    choose_way(tab, "security-key")
    touch(tab)
    tab.get_by_label("Search your roles").fill("otterbrook")
    tab.get_by_role("button", name="Search").click()
    expect(tab.get_by_role("radio")).to_have_count(1)
    choose_role(tab, "OTTERBROOK SURGERY")
    expect(tab.locator("#role")).to_contain_text("OTTERBROOK SURGERY")


def test_cis2_5_4_a_person_without_a_role_gets_in_and_the_ward_copes(tab: Page, ward: str, key_of: KeyOf) -> None:
    log_in(tab, ward, key_of(NO_ROLE, Kind.SECURITY_KEY))
    expect(tab.locator("#name")).to_have_text("Tom Adeyemi")
    expect(tab.locator("#role")).to_have_text("None chosen")


def test_nobody_gets_in_as_a_person_who_is_suspended(provider: Provider) -> None:
    refused = provider.run("person", "enrol-link", SUSPENDED, "--json")
    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr


def test_cancel_goes_back_to_the_application_with_access_denied(tab: Page, ward: str) -> None:
    tab.goto(f"{ward}/log-in/log-in")
    tab.get_by_role("button", name="Cancel and go back to Ward 7").click()
    expect(tab.locator("#error")).to_have_text("access_denied")
    tab.get_by_role("link", name="Go to Ward 7").click()
    expect(tab.get_by_role("link", name="Log in", exact=True)).to_be_visible()


def test_a_wrong_pin_says_what_to_do_and_can_be_tried_again(tab: Page, ward: str, key_of: KeyOf) -> None:
    authenticator = key_of(GP, Kind.SECURITY_KEY).plug_in(tab)
    authenticator.verify(succeeds=False)
    tab.goto(f"{ward}/log-in/log-in")
    choose_way(tab, "security-key")
    touch(tab)
    expect(tab.get_by_role("status")).to_contain_text("Nothing was selected. Try again or use another way")
    authenticator.verify(succeeds=True)
    tab.get_by_role("button", name="Try again").click()
    expect(tab.locator("#sub")).to_have_text(GP)


def test_a_key_that_was_never_registered_here_is_refused(
    tab: Page, ward: str, key_of: KeyOf, provider: Provider
) -> None:
    key = key_of(GP, Kind.SECURITY_KEY)
    stranger = dict(key.credential, credentialId="c3RyYW5nZXItdG8tY2FyZWtleQ==")
    authenticator = key.plug_in(tab)
    authenticator.take_away()
    type(key)(key.kind, stranger, provider.issuer).plug_in(tab)
    tab.goto(f"{ward}/log-in/log-in")
    choose_way(tab, "security-key")
    touch(tab)
    expect(tab.get_by_text("This security key is not linked to an account here")).to_be_visible()
    expect(tab.get_by_text("Your reference code is")).to_be_visible()


def test_a_synced_passkey_is_not_enough_for_very_high_security(tab: Page, ward: str, key_of: KeyOf) -> None:
    """cis2-profile 9.4 no 3: without acr_values very high security is required."""
    key_of(NURSE, Kind.SYNCED).plug_in(tab)
    tab.goto(f"{ward}/log-in/very-high")
    choose_way(tab, "passkey")
    touch(tab)
    expect(tab.get_by_text("The application needs a different level of log-in security")).to_be_visible()


def test_step_up_from_high_to_very_high_keeps_person_and_role(tab: Page, ward: str, key_of: KeyOf) -> None:
    passkey = key_of(NURSE, Kind.SYNCED).plug_in(tab)
    tab.goto(f"{ward}/log-in/log-in")
    choose_way(tab, "passkey")
    touch(tab)
    choose_role(tab, "HAWTHORN MEDICAL CENTRE")
    expect(tab.locator("#aal")).to_have_text("High (level 2)")
    tab.get_by_role("button", name="Sign the drug round").click()
    expect(tab.get_by_text("This needs a very high security log-in")).to_be_visible()
    passkey.take_away()
    key_of(NURSE, Kind.SECURITY_KEY).plug_in(tab)
    tab.get_by_role("link", name="Continue").click()
    choose_way(tab, "security-key")
    touch(tab)
    expect(tab.locator("#aal")).to_have_text("Very high (level 3)")
    expect(tab.locator("#role")).to_contain_text("HAWTHORN MEDICAL CENTRE")
    tab.get_by_role("button", name="Sign the drug round").click()
    expect(tab.get_by_role("status")).to_have_text("You signed the drug round.")


def test_cis2_5_1_a_second_application_needs_no_second_log_in(
    tab: Page, ward: str, pharmacy: str, key_of: KeyOf
) -> None:
    log_in(tab, ward, key_of(NURSE, Kind.SECURITY_KEY), role="LARKFORD GENERAL HOSPITAL")
    tab.get_by_role("link", name="Open Pharmacy").click()
    tab.get_by_role("link", name="Log in", exact=True).click()
    expect(tab.get_by_role("heading", name="Prescriptions")).to_be_visible()
    expect(tab.locator("#sub")).to_have_text(NURSE)
    expect(tab.locator("#role")).to_contain_text("LARKFORD GENERAL HOSPITAL")


def test_prompt_login_asks_again_in_spite_of_the_session(tab: Page, ward: str, key_of: KeyOf) -> None:
    log_in(tab, ward, key_of(GP, Kind.SECURITY_KEY))
    tab.goto(f"{ward}/log-in/again")
    expect(tab.get_by_role("heading", name="How do you want to log in?")).to_be_visible()
    choose_way(tab, "security-key")
    touch(tab)
    expect(tab.locator("#sub")).to_have_text(GP)


def test_prompt_none_shows_no_page(tab: Page, ward: str, key_of: KeyOf) -> None:
    tab.goto(f"{ward}/log-in/quiet")
    expect(tab.locator("#error")).to_have_text("login_required")
    log_in(tab, ward, key_of(GP, Kind.SECURITY_KEY))
    tab.goto(f"{ward}/log-in/quiet")
    expect(tab.locator("#sub")).to_have_text(GP)


def test_changedrole_asks_for_the_role_again_and_for_nothing_else(tab: Page, ward: str, key_of: KeyOf) -> None:
    log_in(tab, ward, key_of(NURSE, Kind.SECURITY_KEY), role="LARKFORD GENERAL HOSPITAL")
    tab.get_by_role("link", name="Change role").click()
    choose_role(tab, "ST HILDA'S COMMUNITY HOSPITAL")
    expect(tab.locator("#role")).to_contain_text("ST HILDA'S COMMUNITY HOSPITAL")


def test_logging_out_at_the_provider_ends_single_sign_on(tab: Page, ward: str, key_of: KeyOf) -> None:
    log_in(tab, ward, key_of(GP, Kind.SECURITY_KEY))
    tab.get_by_role("button", name="Log out").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text(re.compile("log", re.IGNORECASE))
    tab.goto(f"{ward}/log-in/quiet")
    expect(tab.locator("#error")).to_have_text("login_required")


def test_ten_tabs_each_finish_their_own_log_in(tab: Page, ward: str, key_of: KeyOf) -> None:
    """architecture.md decision 7: the id is in the URL, so tabs do not fight over a cookie."""
    key = key_of(NURSE, Kind.SECURITY_KEY)
    tabs = [tab, *(tab.context.new_page() for _ in range(9))]
    for page in tabs:
        page.goto(f"{ward}/log-in/again")
    assert len({page.url for page in tabs}) == 10
    for page in tabs:
        choose_way(page, "security-key")
    for page in reversed(tabs):
        page.bring_to_front()
        key.plug_in(page)
        touch(page)
        choose_role(page, "HAWTHORN MEDICAL CENTRE")
        expect(page.locator("#sub")).to_have_text(NURSE)


def test_the_tokens_are_taken_apart_in_plain_words(tab: Page, ward: str, key_of: KeyOf) -> None:
    log_in(tab, ward, key_of(GP, Kind.SECURITY_KEY))
    tab.get_by_role("link", name="What this application received").click()
    expect(tab.locator("#header")).to_contain_text('"RS256"')
    for claim in ("sub", "auth_time", "authentication_assurance_level", "selected_roleid", "sid", "amr", "acr"):
        expect(tab.locator("#claims").get_by_role("rowheader", name=claim, exact=True)).to_be_visible()
    expect(tab.locator("#userinfo")).to_contain_text("Amara Okafor")
    meanings = tab.locator("table.claims tbody tr td:last-child").all_inner_texts()
    assert all(meanings), "every claim has a plain meaning"


def test_every_page_of_the_ward_is_accessible(tab: Page, ward: str, key_of: KeyOf) -> None:
    def look(name: str) -> None:
        assert axe(tab) == [], name
        shoot(tab, f"ward-{name}")

    tab.goto(ward)
    look("start")
    tab.goto(f"{ward}/log-in/quiet")
    look("error")
    tab.goto(f"{ward}/callback?state=unknown")
    look("not-started-here")
    key_of(NURSE, Kind.SYNCED).plug_in(tab)
    tab.goto(f"{ward}/log-in/log-in")
    choose_way(tab, "passkey")
    touch(tab)
    choose_role(tab, "HAWTHORN MEDICAL CENTRE")
    expect(tab.locator("#sub")).to_be_visible()
    look("home")
    tab.goto(f"{ward}/received")
    look("received")
    tab.goto(ward)
    tab.get_by_role("button", name="Sign the drug round").click()
    look("step-up")
    tab.goto(ward)
    tab.get_by_role("button", name="Log out", exact=True).click()
    look("logged-out")


def test_every_page_of_the_log_in_is_accessible(tab: Page, ward: str, key_of: KeyOf) -> None:
    def look(name: str) -> None:
        assert axe(tab) == [], name
        shoot(tab, f"journey-{name}")

    authenticator = key_of(NURSE, Kind.SECURITY_KEY).plug_in(tab)
    tab.goto(f"{ward}/log-in/very-high")
    look("ways")
    tab.get_by_role("button", name="Continue").click()
    expect(tab.get_by_role("heading", name="There is a problem")).to_be_visible()
    look("ways-error")
    choose_way(tab, "security-key")
    look("security-key")
    authenticator.verify(succeeds=False)
    touch(tab)
    expect(tab.get_by_role("status")).to_contain_text("Nothing was selected")
    look("security-key-nothing")
    authenticator.verify(succeeds=True)
    tab.get_by_role("button", name="Try again").click()
    expect(tab.get_by_role("heading", name="Choose your role")).to_be_visible()
    look("role")
