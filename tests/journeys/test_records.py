"""RFC 9470 from end to end: the record service wants a better log-in than there is, and the ward application recovers."""

import httpx2
import pytest
from playwright.sync_api import Page, expect

from support.browser import Kind, axe, shoot
from support.keys import KeyOf
from support.provider import NURSE
from support.steps import choose_role, choose_way, log_in, touch

pytestmark = pytest.mark.browser


def test_rfc9470_4_the_ward_recovers_by_a_new_authorization_request(tab: Page, ward: str, key_of: KeyOf) -> None:
    passkey = key_of(NURSE, Kind.SYNCED).plug_in(tab)
    tab.goto(f"{ward}/log-in/log-in")
    choose_way(tab, "passkey")
    touch(tab)
    choose_role(tab, "HAWTHORN MEDICAL CENTRE")
    expect(tab.locator("#aal")).to_have_text("High (level 2)")
    tab.get_by_role("link", name="Mabel Okafor").click()
    expect(tab.get_by_role("heading", name="Prove who you are to open this record")).to_be_visible()
    expect(tab.locator("#why")).to_have_text("A very high security log-in is needed")
    assert axe(tab) == []
    shoot(tab, "ward-record-step-up")
    passkey.take_away()
    key_of(NURSE, Kind.SECURITY_KEY).plug_in(tab)
    tab.get_by_role("link", name="Continue").click()
    choose_way(tab, "security-key")
    touch(tab)
    expect(tab.get_by_role("heading", name="Mabel Okafor")).to_be_visible()
    expect(tab.locator("#record")).to_contain_text("Dressing every second day")
    assert axe(tab) == []
    shoot(tab, "ward-record")
    tab.goto(ward)
    expect(tab.locator("#role")).to_contain_text("HAWTHORN MEDICAL CENTRE")


def test_a_log_in_that_is_good_enough_opens_the_record_at_once(tab: Page, ward: str, key_of: KeyOf) -> None:
    log_in(tab, ward, key_of(NURSE, Kind.SECURITY_KEY), role="HAWTHORN MEDICAL CENTRE")
    tab.get_by_role("link", name="Edwin Ashdown").click()
    expect(tab.locator("#record")).to_contain_text("Penicillin")


def test_without_a_token_there_is_no_record(records: str) -> None:
    answer = httpx2.get(f"{records}/patients/1")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
