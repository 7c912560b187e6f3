"""Whatever needs no WebAuthn works with script off (ux.md section 1)."""

import json
from collections.abc import Iterator

import pytest
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, Page, Route, expect

from support.provider import NURSE, Provider
from support.relying_party import RelyingParty, metadata

pytestmark = pytest.mark.browser

CALLBACK = "http://localhost:9/callback"


@pytest.fixture(scope="module")
def party(provider: Provider) -> RelyingParty:
    key = RSAKey.generate_key(2048, auto_kid=True)
    client = provider.register(json.loads(metadata(CALLBACK, key)), issuer="sandbox")
    return RelyingParty(issuer=provider.sandbox, client_id=client["client_id"], redirect_uri=CALLBACK, key=key)


@pytest.fixture
def plain_tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_the_sandbox_password_journey_from_end_to_end(plain_tab: Page, provider: Provider, party: RelyingParty) -> None:
    nurse = provider.people[NURSE]
    landed: list[str] = []

    def catch(route: Route) -> None:
        landed.append(route.request.url)
        route.fulfill(body="landed")

    plain_tab.route(f"{CALLBACK}**", catch)
    plain_tab.goto(party.authorize(acr_values="AAL1_USERPASS", scope="openid profile selectedrole", nonce="n"))
    if plain_tab.get_by_role("heading", name="How do you want to log in?").is_visible():
        plain_tab.get_by_label("User name and password").check()
        plain_tab.get_by_role("button", name="Continue").click()
    plain_tab.get_by_label("User name").fill(NURSE)
    plain_tab.get_by_label("Password", exact=True).fill(nurse["sandbox_password"])
    plain_tab.get_by_role("button", name="Continue").click()
    expect(plain_tab.get_by_role("heading", name="Choose your role")).to_be_visible()
    plain_tab.get_by_role("radio").first.check()
    plain_tab.get_by_role("button", name="Continue").click()
    plain_tab.wait_for_url(f"{CALLBACK}**")
    answer = party.answered(landed[-1])
    tokens = party.token(answer["code"]).json()
    claims = party.id_token(tokens["id_token"], nonce="n")
    assert claims["sub"] == NURSE
    assert claims["acr"] == "AAL1_USERPASS"
    assert claims["amr"] == ["pwd"]
    assert claims["authentication_assurance_level"] == "1"


def test_ways_that_need_script_are_not_offered_and_the_page_says_why(
    plain_tab: Page, provider: Provider, party: RelyingParty
) -> None:
    plain_tab.goto(party.authorize(acr_values="AAL2_OR_AAL3_ANY AAL1_USERPASS"))
    explained = plain_tab.locator("noscript").filter(has=plain_tab.locator("p"))
    expect(explained.locator("p")).to_contain_text("turn on JavaScript")
    expect(explained.locator("p")).to_be_visible()
    expect(plain_tab.get_by_label("Security key")).to_be_hidden()
