"""Chromium with a PIV card of which nothing current can be learned, or that a responder takes back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from playwright.sync_api import Page, expect

from carekey.authenticators.smartcard.tests import pki as made
from carekey.authenticators.smartcard.tests.pki import Authority
from support import card_browser, card_reader
from support import provider as carekey
from support.browser import shoot
from support.card_browser import chromium_with_card, home_for, picking, typed_pin
from support.card_reader import Reader
from support.cards import DAY, CardPki, wait_for_tls
from support.piv_card import PivCard
from support.processes import free_port
from support.provider import GP, Provider
from support.relying_party import RelyingParty

PIN, PUK = "482915", "12345678"
CALLBACK = "http://localhost:9/callback"
UNKNOWN, CANCELLED = "We cannot check your smartcard now", "This smartcard is cancelled"

if why := card_browser.why_not() or card_reader.why_not():
    pytest.skip(why, allow_module_level=True)

pytestmark = [pytest.mark.browser, pytest.mark.namespaces]


@pytest.fixture(scope="module")
def authority(pki: CardPki) -> Authority:
    """Not the one of the other tests: Chromium picks by the issuer's name."""
    points = (f"http://127.0.0.1:{pki.lists.port}/root.crl",)
    return made.sub(pki.root, 13, common="SubCA13", points=points, starts=pki.now - 300 * DAY, ends=pki.now + 900 * DAY)


@pytest.fixture(scope="module")
def provider(pki: CardPki, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder, port = tmp_path_factory.mktemp("revocation-in-browser"), free_port()
    between = folder / "between.pem"
    between.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    settings = {
        **pki.settings(port=port, url=f"https://*.card.test:{port}"),
        "SMARTCARDS__PKIS__TEST__INTERMEDIATES": str(between),
        "SMARTCARDS__PKIS__TEST__METHODS": '["ocsp", "crl"]',
    }
    with carekey.carekey(folder, **settings) as running:
        wait_for_tls(port)
        yield running


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with card_reader.card_reader() as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def picked() -> Iterator[None]:
    with picking("SubCA13", at="https://[*.]card.test"):
        yield


@contextmanager
def chosen(reader: Reader, pki: CardPki, certificate: Path, key: rsa.RSAPrivateKey, folder: Path) -> Iterator[Page]:
    """A browser without script, in which the card in the reader has been used where the log-in asks for it."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    (folder / "pin").write_text(PIN)
    asked = {"TYPED_PIN_MODULE": card_reader.MODULE, "TYPED_PIN_FILE": str(folder / "pin")}
    environment = {**reader.environment, **asked}
    reader.insert(PivCard(certificate=found, key=key, pin=PIN, puk=PUK))
    try:
        home = home_for(folder, module=typed_pin(), trust=pki.folder / "root.pem", environment=environment)
        with chromium_with_card(home, environment) as browser:
            context = browser.new_context(java_script_enabled=False)
            context.set_default_timeout(30_000)
            yield context.new_page()
    finally:
        reader.remove()


@pytest.mark.parametrize(
    ("what", "heading"),
    [("responder-revokes", CANCELLED), ("responder-down", UNKNOWN), ("list-ran-out", UNKNOWN)],
)
def test_rfc5280_6_3_a_card_that_is_taken_back_or_not_known_of_gets_its_page(
    what: str,
    heading: str,
    reader: Reader,
    pki: CardPki,
    authority: Authority,
    party: RelyingParty,
    tmp_path: Path,
) -> None:
    key = rsa.generate_private_key(65537, 2048)  # its own: Chromium knows a card by its key
    web = f"http://127.0.0.1:{pki.lists.port}"
    if what == "list-ran-out":
        pki.lists.bodies["/ran-out.crl"] = authority.crl(this=pki.now - 3 * DAY, next=pki.now - DAY)
        where = {"points": made.web_points(f"{web}/ran-out.crl")}
    else:
        where = {"points": None, "responder": f"{web}/{what}"}
    card = pki.card(GP, by=authority, name=f"-{what}", public=key.public_key(), **where)
    if what == "responder-revokes":
        held = x509.load_pem_x509_certificate(card.certificate.read_bytes())
        pki.lists.responders[f"/{what}"] = lambda question: made.ocsp_answer(
            question,
            held,
            authority,
            status=ocsp.OCSPCertStatus.REVOKED,
            this=pki.now - DAY / 24,
            next=pki.now + DAY,
        )
    with chosen(reader, pki, card.certificate, key, tmp_path) as page:
        page.goto(party.authorize(acr_values="AAL3_SMARTCARD", nonce="n"))
        expect(page.get_by_role("heading", name="Put your smartcard in the reader")).to_be_visible()
        page.get_by_role("button", name="Continue").click(no_wait_after=True)
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading, timeout=30_000)
        shoot(page, f"smartcard-refused-{what}")


def test_rfc6960_2_2_a_card_that_the_responder_vouches_for_logs_in(
    reader: Reader, pki: CardPki, authority: Authority, party: RelyingParty, tmp_path: Path
) -> None:
    """The control: the same authority, provider, reader and browser as of the refused cards."""
    key = rsa.generate_private_key(65537, 2048)
    responder = f"http://127.0.0.1:{pki.lists.port}/responder-vouches"
    card = pki.card(GP, by=authority, name="-vouched", public=key.public_key(), points=None, responder=responder)
    held = x509.load_pem_x509_certificate(card.certificate.read_bytes())
    pki.lists.responders["/responder-vouches"] = lambda question: made.ocsp_answer(
        question, held, authority, this=pki.now - DAY / 24, next=pki.now + DAY
    )
    landed = list[str]()
    with chosen(reader, pki, card.certificate, key, tmp_path) as page:
        page.on("request", lambda asked: landed.append(asked.url) if asked.url.startswith(CALLBACK) else None)
        page.route(f"{CALLBACK}**", lambda route: route.fulfill(body="landed"))
        page.goto(party.authorize(acr_values="AAL3_SMARTCARD", nonce="n"))
        page.get_by_role("button", name="Continue").click(no_wait_after=True)
        expect(page.get_by_text("landed")).to_be_visible(timeout=30_000)
    tokens = party.token(party.answered(landed[-1])["code"]).json()
    claims = party.id_token(tokens["id_token"], nonce="n")
    assert (claims["sub"], claims["amr"]) == (GP, ["N3_SMARTCARD"])
