"""Log in with a smartcard, from the application to the application, by redirects alone."""

import re

import pytest

from carekey.authenticators.smartcard.tests import pki as made
from support.card_steps import NAMED, heading, proceed, send, to_the_card_page
from support.cards import DAY, CardPki, Curl
from support.provider import GP, NURSE, SUSPENDED, Provider
from support.relying_party import RelyingParty


def test_curl_logs_in_with_a_card_by_redirects_alone(curl: Curl, party: RelyingParty, pki: CardPki) -> None:
    curl.card = pki.card(GP)
    done = proceed(curl, to_the_card_page(curl, party, scope="openid profile selectedrole"))
    tokens = party.token(party.answered(done.url)["code"]).json()
    claims = party.id_token(tokens["id_token"], nonce="n")
    assert (claims["sub"], claims["acr"], claims["amr"]) == (GP, NAMED, ["N3_SMARTCARD"])
    assert claims["authentication_assurance_level"] == "3"


def test_from_card_in_to_role_page_three_redirects_and_one_pin(curl: Curl, party: RelyingParty, pki: CardPki) -> None:
    """The PIN is typed where the card's key signs: once, in the handshake's CertificateVerify."""
    curl.card = pki.card(NURSE)
    shown = to_the_card_page(curl, party, scope="openid selectedrole")
    curl.more = ("--verbose",)
    at = proceed(curl, shown)
    assert heading(at) == "Choose your role"
    assert at.redirects == 3
    assert at.errors.count("(OUT), TLS handshake, CERT verify") == 1
    assert at.errors.count("/smartcard?code=") >= 1, "and the card host was there"


def test_the_next_card_never_sees_the_previous_persons_pages_by_redirects_alone(
    curl: Curl, party: RelyingParty, pki: CardPki
) -> None:
    """One browser, two people: what the first left open answers that it is over."""
    curl.card = pki.card(NURSE)
    role_page = proceed(curl, to_the_card_page(curl, party, scope="openid selectedrole"))
    role = re.search(r'name="role" type="radio" value="([^"]+)"', role_page.body)
    assert role
    left = send(curl, role_page, "/role", role=role[1])
    assert party.answered(left.url)["code"]
    for path in ("", "/role", "/ways", "/smartcard"):
        over = curl.run(f"{role_page.url.removesuffix('/role')}{path}")
        assert heading(over) == "You have already finished this log in"
        assert "Sullivan" not in over.body
        assert "no-store" in over.body, "and nothing of it is kept"
    shown = curl.run(party.authorize(acr_values=NAMED, scope="openid selectedrole", prompt="login", nonce="n"))
    curl.card = pki.card(GP)
    done = proceed(curl, shown)
    claims = party.id_token(party.token(party.answered(done.url)["code"]).json()["id_token"], nonce="n")
    assert claims["sub"] == GP


def test_not_you_is_on_the_role_page_and_ends_what_was_there(curl: Curl, party: RelyingParty, pki: CardPki) -> None:
    curl.card = pki.card(NURSE)
    role_page = proceed(curl, to_the_card_page(curl, party, scope="openid selectedrole"))
    assert "Not you? Log in as someone else" in role_page.body
    chooser = send(curl, role_page, "/someone-else")
    assert heading(chooser).startswith("How do you want to log in?")
    again = curl.run(role_page.url)
    assert "Sullivan" not in again.body
    curl.card = pki.card(GP)
    at = curl.run(f"{role_page.url.removesuffix('/role')}/smartcard")
    done = proceed(curl, at)
    claims = party.id_token(party.token(party.answered(done.url)["code"]).json()["id_token"], nonce="n")
    assert claims["sub"] == GP


def test_no_script_is_on_the_way(curl: Curl, party: RelyingParty, pki: CardPki) -> None:
    at = to_the_card_page(curl, party)
    curl.card = None
    refused = proceed(curl, at)
    for shown in (at, refused):
        assert "needs-script" not in shown.body
        assert "JavaScript" not in shown.body


def test_no_card_is_a_page_that_says_so_and_another_try_works(curl: Curl, party: RelyingParty, pki: CardPki) -> None:
    at = proceed(curl, to_the_card_page(curl, party))
    assert (at.status, heading(at)) == (422, "We did not get a card")
    assert "close all browser windows" in at.body
    curl.card = pki.card(GP)
    assert party.answered(proceed(curl, at).url)["code"]


def test_what_the_browser_alone_hears_of_is_explained_beforehand(curl: Curl, party: RelyingParty) -> None:
    """A wrong passcode, and a card that locked after three of them, end on the browser's own page."""
    at = to_the_card_page(curl, party)
    assert "Go back to this page and select Continue again." in at.body
    assert "close all browser windows and start again" in at.body
    assert "After 3 wrong passcodes your smartcard is locked. Ask your Registration Authority (RA)" in at.body


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("expired", "Your smartcard ran out on"),
        ("early", "Your smartcard cannot be used before"),
        ("stranger", "We do not recognise this card"),
        ("imposter", "We do not recognise this card"),
        ("self-made", "We do not recognise this card"),
        ("signing", "That certificate is not for logging in"),
        ("revoked", "This smartcard is cancelled"),
        ("nobody", "This smartcard is not linked to an account"),
    ],
)
def test_a_faulty_card_reaches_the_application_and_gets_its_page(
    which: str, said: str, curl: Curl, party: RelyingParty, pki: CardPki, provider: Provider
) -> None:
    match which:
        case "expired":
            curl.card = pki.card(GP, name=which, starts=pki.now - 290 * DAY, ends=pki.now - DAY)
        case "early":
            curl.card = pki.card(GP, name=which, starts=pki.now + DAY, ends=pki.now + 30 * DAY)
        case "stranger":
            curl.card = pki.card(GP, name=which, by=pki.stranger)
        case "imposter":  # names our authority, but did not get its signature
            curl.card = pki.card(GP, name=which, signer=pki.stranger)
        case "self-made":
            curl.card = pki.card(GP, name=which, policy=None, by=made.root(8, starts=pki.now - DAY))
        case "signing":
            uses = made.usage(digital_signature=True, content_commitment=True)
            curl.card = pki.card(GP, name=which, key_usage=uses)
        case "revoked":
            curl.card = pki.revoked
        case "nobody":
            curl.card = pki.card("555999999999", name=which)
    at = proceed(curl, to_the_card_page(curl, party))
    assert at.code == 0, at.errors
    assert at.status == 422
    assert heading(at).startswith(said)
    assert re.search(r"[23456789A-HJ-NP-Z]{8}", at.body), "a reference code"
    for inside in ("SubCA", "RootCA", "CRL", "certificate policy", "X.509", GP):
        assert inside not in at.body


def test_a_suspended_person_is_told_so(curl: Curl, party: RelyingParty, pki: CardPki) -> None:
    curl.card = pki.card(SUSPENDED)
    at = proceed(curl, to_the_card_page(curl, party))
    assert heading(at) == "Your account is suspended"


def test_the_application_may_ask_for_one_kind_of_card(curl: Curl, party: RelyingParty, pki: CardPki) -> None:
    curl.card = pki.card(GP)
    done = proceed(curl, to_the_card_page(curl, party, acr_values="AAL3_N3_SMARTCARD"))
    tokens = party.token(party.answered(done.url)["code"]).json()
    assert party.id_token(tokens["id_token"], nonce="n")["acr"] == "AAL3_N3_SMARTCARD"


def test_discovery_says_which_classes_cards_satisfy(party: RelyingParty) -> None:
    said = set(party.discovered()["acr_values_supported"])
    assert {"AAL3_SMARTCARD", "AAL3_N3_SMARTCARD", "AAL3_CIS2_SMARTCARD"} <= said
