"""Log in with a smartcard in Chromium, with script off: nothing on this path needs any."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from support.browser import chromium, shoot
from support.cards import DAY, CardPki, PemCard
from support.provider import GP, NURSE
from support.relying_party import RelyingParty

CALLBACK = "http://localhost:9/callback"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@contextmanager
def tab(browser: Browser, port: int, card: PemCard | None, *, script: bool = False) -> Iterator[tuple[Page, list[str]]]:
    """With the card in the reader, and a list of where it ended at the application."""
    origin = f"https://localhost:{port}"
    held = [{"origin": origin, "certPath": str(card.certificate), "keyPath": str(card.key)}] if card else []
    context = browser.new_context(
        java_script_enabled=script,
        ignore_https_errors=True,
        client_certificates=held,  # type: ignore[arg-type]
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    landed: list[str] = []

    def catch(route: Route) -> None:
        landed.append(route.request.url)
        route.fulfill(body="landed")

    page.route(f"{CALLBACK}**", catch)
    try:
        yield page, landed
    finally:
        context.close()


def test_card_and_role_and_back_at_the_application(
    browser: Browser, party: RelyingParty, pki: CardPki, card_port: int
) -> None:
    with tab(browser, card_port, pki.card(NURSE)) as (page, landed):
        page.goto(party.authorize(acr_values="AAL3_ANY", scope="openid selectedrole", nonce="n"))
        page.get_by_label("Smartcard").check()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Put your smartcard in the reader")).to_be_visible()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Choose your role")).to_be_visible()
        page.get_by_role("radio").first.check()
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(f"{CALLBACK}**")
    tokens = party.token(party.answered(landed[-1])["code"]).json()
    claims = party.id_token(tokens["id_token"], nonce="n")
    assert (claims["sub"], claims["acr"], claims["amr"]) == (NURSE, "AAL3_ANY", ["N3_SMARTCARD"])


def test_without_a_card_the_page_says_so_and_leads_on(browser: Browser, party: RelyingParty, card_port: int) -> None:
    """To another way where there is one, and else back to the application."""
    with tab(browser, card_port, None, script=True) as (page, landed):
        page.goto(party.authorize(acr_values="AAL3_SMARTCARD"))
        shoot(page, "smartcard-put-in")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="We did not get a card")).to_be_visible()
        shoot(page, "smartcard-no-card")
        page.reload()
        expect(page.get_by_role("heading", name="Put your smartcard in the reader")).to_be_visible()
        expect(page.get_by_role("link", name="Use another way to log in")).to_have_count(0)
        page.get_by_role("button", name="Cancel and go back to").click()
        page.wait_for_url(f"{CALLBACK}**")
        assert party.answered(landed[-1])["error"] == "access_denied"
        page.goto(party.authorize(acr_values="AAL3_ANY"))
        page.get_by_label("Smartcard", exact=True).check()
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="We did not get a card")).to_be_visible()
        page.get_by_role("link", name="Use another way to log in").click()
        expect(page.get_by_role("heading", name="How do you want to log in?")).to_be_visible()
        expect(page.get_by_role("radio")).not_to_have_count(1)


def test_the_next_card_never_sees_the_previous_persons_pages(
    browser: Browser, party: RelyingParty, pki: CardPki, card_port: int
) -> None:
    """On a shared computer the second person logs in as someone else; the first one's session ends."""
    with tab(browser, card_port, pki.card(GP)) as (page, landed):
        page.goto(party.authorize(acr_values="AAL3_SMARTCARD", nonce="n"))
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(f"{CALLBACK}**")
        kept = page.context.cookies()
    with tab(browser, card_port, pki.card(NURSE)) as (page, landed):
        page.context.add_cookies(kept)  # type: ignore[arg-type]  # what it gives it also takes
        page.goto(party.authorize(acr_values="AAL3_SMARTCARD", nonce="n", prompt="login", scope="openid selectedrole"))
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Choose your role")).to_be_visible()
        assert GP not in page.content()
        page.get_by_role("radio").first.check()
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(f"{CALLBACK}**")
        tokens = party.token(party.answered(landed[-1])["code"]).json()
        assert party.id_token(tokens["id_token"], nonce="n")["sub"] == NURSE


def test_where_there_is_one_way_only_the_next_person_says_that_it_is_not_them(
    browser: Browser, party: RelyingParty, pki: CardPki, card_port: int
) -> None:
    with tab(browser, card_port, pki.card(GP)) as (page, _):
        page.goto(party.authorize(acr_values="AAL3_SMARTCARD", nonce="n"))
        expect(page.get_by_role("heading", name="Put your smartcard in the reader")).to_be_visible()
        expect(page.get_by_role("button", name="Not you?")).to_have_count(0)
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(f"{CALLBACK}**")
        page.goto(party.authorize(acr_values="AAL3_SMARTCARD", nonce="n", prompt="login"))
        expect(page.get_by_role("heading", name="Put your smartcard in the reader")).to_be_visible()
        shoot(page, "smartcard-not-you")
        kept = page.context.cookies()
        page.get_by_role("button", name="Not you? Log in as someone else").click()
        expect(page.get_by_role("heading", name="How do you want to log in?")).to_be_visible()
        expect(page.get_by_role("button", name="Not you?")).to_have_count(0)
        page.context.add_cookies(kept)  # type: ignore[arg-type]  # what it gives it also takes
        silent = party.authorize(acr_values="AAL3_SMARTCARD", nonce="n", prompt="none")
        answer = page.context.request.get(silent, max_redirects=0)
    assert party.answered(answer.headers["location"])["error"] == "login_required"


def test_back_after_not_you_shows_nothing_of_the_one_before(
    browser: Browser, party: RelyingParty, pki: CardPki, card_port: int
) -> None:
    """Whether the browser asks again or shows the page out of its memory."""
    with tab(browser, card_port, pki.card(NURSE)) as (page, _):
        page.goto(party.authorize(acr_values="AAL3_ANY", nonce="n", scope="openid selectedrole"))
        page.get_by_label("Smartcard", exact=True).check()
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Choose your role")).to_be_visible()
        shoot(page, "role-not-you")
        page.get_by_role("button", name="Not you? Log in as someone else").click()
        expect(page.get_by_role("heading", name="How do you want to log in?")).to_be_visible()
        assert "Sullivan" not in page.content()
        page.go_back()
        expect(page.get_by_role("heading", name="How do you want to log in?")).to_be_visible()
        assert "Sullivan" not in page.content()


def test_an_expired_card_is_told_the_day(browser: Browser, party: RelyingParty, pki: CardPki, card_port: int) -> None:
    old = pki.card(GP, name="-old", starts=pki.now - 290 * DAY, ends=pki.now - 20 * DAY)
    with tab(browser, card_port, old) as (page, _):
        page.goto(party.authorize(acr_values="AAL3_SMARTCARD"))
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Your smartcard ran out on")).to_be_visible()
        shoot(page, "smartcard-expired", widths=(768,))
