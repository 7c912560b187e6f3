"""Chromium with a token of SoftHSM and with a PIV card in a reader: without a screen, and with the real PIN dialog.

SoftHSM counts no wrong PINs. Whatever is about locking, taking out and putting in is tried with the PIV card.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Browser, Page, Request, expect

from carekey.authenticators.smartcard.ceremony import known_by
from support import card_browser, card_reader, token_client
from support import provider as carekey
from support.browser import shoot
from support.card_browser import Held, Screen, chromium_with_card, home_for, picking, screen, typed_pin
from support.card_reader import Reader
from support.card_steps import proceed as proceed_as_curl
from support.card_steps import to_the_card_page as to_the_card_page_as_curl
from support.cards import DAY, CardPki, Curl, wait_for_tls
from support.piv_card import PivCard
from support.processes import free_port
from support.provider import GP, NO_ROLE, NURSE, PHARMACIST, SUSPENDED, Provider
from support.relying_party import RelyingParty

pytestmark = [pytest.mark.browser, pytest.mark.reader]

CALLBACK = "http://localhost:9/callback"
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
NAMES = ("--connect-to", "::127.0.0.1:")
"""Every host is here."""
PIN, PUK, WRONG = "482915", "12345678", "000000"

if why := card_browser.why_not() or card_reader.why_not():
    pytest.skip(why, allow_module_level=True)


@pytest.fixture(scope="module")
def provider(pki: CardPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """Its card host has a name of its own for each attempt."""
    folder, port = tmp_path_factory.mktemp("in-browser"), free_port()
    settings = pki.settings(port=port, url=f"https://*.card.test:{port}")
    with carekey.carekey(folder, **settings) as running:
        wait_for_tls(port)
        yield running


@pytest.fixture(scope="module")
def picked() -> Iterator[None]:
    with picking("SubCA02", at="https://[*.]card.test"):
        yield


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with card_reader.card_reader() as running:
        yield running


@pytest.fixture
def empty(reader: Reader) -> Iterator[Reader]:
    yield reader
    reader.remove()


Put = Callable[..., PivCard]


@pytest.fixture
def put(empty: Reader, pki: CardPki) -> Put:
    """Puts a new PIV card with a person's certificate into the reader.

    Each has a key of its own: with a shared one the browser, which remembers certificates of cards that are out, could
    log in as the holder of one with the key of another."""

    def putting(user: str = GP, **how: Any) -> PivCard:
        empty.remove()
        card = issued(pki, user, **how)
        empty.insert(card)
        return card

    return putting


def issued(pki: CardPki, user: str, *, curve: ec.EllipticCurve | None = None, **how: Any) -> PivCard:
    key = ec.generate_private_key(curve) if curve else rsa.generate_private_key(65537, 2048)
    certificate = x509.load_pem_x509_certificate(
        pki.card(user, name="-piv", public=key.public_key(), **how).certificate.read_bytes()
    )
    return PivCard(certificate=certificate, key=key, pin=PIN, puk=PUK)


@pytest.fixture
def piv(put: Put, reader: Reader) -> Held:
    return Held(module=card_reader.MODULE, environment=reader.environment, pin=PIN)


@pytest.fixture(scope="module")
def softhsm(pki: CardPki, tmp_path_factory: pytest.TempPathFactory) -> Held:
    folder = tmp_path_factory.mktemp("softhsm")
    held = no_token(folder)
    put_into_token(held, pki, folder)
    return held


def no_token(folder: Path) -> Held:
    """SoftHSM, and nothing in it."""
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\nslots.removable = true\n"
    )
    return Held(module=SOFTHSM, environment={"SOFTHSM2_CONF": str(folder / "softhsm2.conf")}, pin=PIN)


def put_into_token(held: Held, pki: CardPki, folder: Path, user: str = GP, **how: Any) -> None:
    key = rsa.generate_private_key(65537, 2048)
    (folder / "key.der").write_bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    card = x509.load_pem_x509_certificate(
        pki.card(user, name="-softhsm", public=key.public_key(), **how).certificate.read_bytes()
    )
    (folder / "card.der").write_bytes(card.public_bytes(Encoding.DER))
    tool = ["pkcs11-tool", "--module", SOFTHSM, "--login", "--pin", PIN, "--id", "01", "--label", "card"]
    for command in (
        ["softhsm2-util", "--init-token", "--free", "--label", "card", "--so-pin", "87654321", "--pin", PIN],
        [*tool, "--write-object", folder / "key.der", "--type", "privkey", "--usage-sign"],
        [*tool, "--write-object", folder / "card.der", "--type", "cert"],
    ):
        subprocess.run(command, env={**os.environ, **held.environment}, check=True, capture_output=True)


@pytest.fixture(params=["softhsm", "piv"])
def held(request: pytest.FixtureRequest) -> Held:
    """The GP's, as one and as the other."""
    if request.param == "piv":
        request.getfixturevalue("put")(GP)
    found: Held = request.getfixturevalue(request.param)
    return found


def by_uri(held: Held) -> tuple[str, ...]:
    """curl's arguments, to use a key that never leaves its card."""
    token = "manufacturer=piv_II" if held.module == card_reader.MODULE else "token=card"
    uri = f"pkcs11:{token};id=%01"
    return ("--key", f"{uri};type=private;pin-value={held.pin}", "--cert", f"{uri};type=cert", *NAMES)


@contextmanager
def headless(held: Held, pki: CardPki, folder: Path, *, pin: str | None = PIN) -> Iterator[Browser]:
    """A browser whose card's PIN is typed by a module of ours; with `pin` None nobody types one."""
    file = folder / "pin"
    if pin is not None:
        file.write_text(pin)
    environment = {**held.environment, "TYPED_PIN_MODULE": held.module, "TYPED_PIN_FILE": str(file)}
    home = home_for(folder, module=typed_pin(), trust=pki.folder / "root.pem", environment=environment)
    with chromium_with_card(home, environment) as browser:
        yield browser


@contextmanager
def headed(held: Held, pki: CardPki, folder: Path) -> Iterator[tuple[Browser, Screen]]:
    with screen(folder) as shown, ExitStack() as stack:
        environment = {**held.environment, **shown.environment}
        home = home_for(folder, module=held.module, trust=pki.folder / "root.pem", environment=environment)
        yield stack.enter_context(chromium_with_card(home, environment, headless=False)), shown


@contextmanager
def tab(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """Without script, and a list of where it ended at the application."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(20_000)
    page, landed = context.new_page(), list[str]()

    def note(request: Request) -> None:
        if request.url.startswith(CALLBACK):
            landed.append(request.url)

    page.on("request", note)
    page.route(f"{CALLBACK}**", lambda route: route.fulfill(body="landed"))
    try:
        yield page, landed
    finally:
        context.close()


def to_the_card_page(page: Page, party: RelyingParty, **asked: str) -> None:
    page.goto(party.authorize(**{"acr_values": "AAL3_SMARTCARD", "nonce": "n", **asked}))
    expect(page.get_by_role("heading", name="Put your smartcard in the reader")).to_be_visible()


def proceed(page: Page, *, wait: bool = True) -> None:
    page.get_by_role("button", name="Continue").or_(page.get_by_role("button", name="Try again")).click(
        no_wait_after=not wait
    )


def arrived(page: Page, landed: list[str], *, within: int = 20) -> None:
    """Raises: AssertionError, if the browser does not come back to the application."""
    for _ in range(within * 10):
        if landed:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the browser did not come back to the application")


def asked_for_the_pin(page: Page, shown: Screen) -> None:
    """The first handshake after a swap may come without a card, and then trying again helps: NSS looks at its readers
    once a second at most. Raises: AssertionError."""
    told = page.get_by_role("heading", level=1).filter(has_text="We did not get a card")
    for _ in range(4):
        before = page.url
        page.wait_for_timeout(1500)
        proceed(page, wait=False)
        for _ in range(150):
            if shown.asks():
                return
            if page.url != before and told.count():
                break
            page.wait_for_timeout(100)
        else:
            break
    raise AssertionError("the browser does not ask for a PIN")


def logged_in_or_told(page: Page, landed: list[str], heading: str, *, within: int = 20) -> bool:
    """Whether it came back to the application. Raises: AssertionError, if neither happens."""
    told = page.get_by_role("heading", level=1).filter(has_text=heading)
    for _ in range(within * 10):
        if landed or told.count():
            return bool(landed)
        page.wait_for_timeout(100)
    raise AssertionError(f"the browser neither came back to the application nor said: {heading}")


def who(party: RelyingParty, landed: list[str]) -> str:
    tokens = party.token(party.answered(landed[-1])["code"]).json()
    claims = party.id_token(tokens["id_token"], nonce="n")
    assert claims["amr"] == ["N3_SMARTCARD"]
    subject: str = claims["sub"]
    return subject


def said(page: Page, heading: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)


@pytest.mark.usefixtures("picked")
class TestWithoutAScreen:
    def test_a_card_logs_in(self, held: Held, party: RelyingParty, pki: CardPki, tmp_path: Path) -> None:
        with headless(held, pki, tmp_path) as browser, tab(browser) as (page, landed):
            to_the_card_page(page, party)
            proceed(page)
            arrived(page, landed)
        assert who(party, landed) == GP

    @pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=["P-256", "P-384"])
    def test_a_piv_card_whose_key_is_on_a_curve_logs_in(
        self, curve: ec.EllipticCurve, piv: Held, put: Put, party: RelyingParty, pki: CardPki, tmp_path: Path
    ) -> None:
        put(GP, curve=curve)
        with headless(piv, pki, tmp_path) as browser, tab(browser) as (page, landed):
            to_the_card_page(page, party)
            proceed(page)
            arrived(page, landed)
        assert who(party, landed) == GP

    def test_no_card_is_a_page_and_the_card_put_in_then_logs_in(
        self, piv: Held, put: Put, party: RelyingParty, pki: CardPki, tmp_path: Path
    ) -> None:
        with headless(piv, pki, tmp_path) as browser, tab(browser) as (page, landed):
            to_the_card_page(page, party)
            proceed(page)
            said(page, "We did not get a card")
            put(NURSE)
            page.wait_for_timeout(1500)  # the browser looks at its readers when it is asked, but not at once
            proceed(page)
            arrived(page, landed)
        assert who(party, landed) == NURSE

    def test_another_card_in_the_same_browser_is_another_person(
        self, piv: Held, put: Put, reader: Reader, party: RelyingParty, pki: CardPki, tmp_path: Path
    ) -> None:
        """A browser that was given one card offers no other to the same host; each attempt has a host of its own.

        It is asked between the two."""
        with headless(piv, pki, tmp_path) as browser:
            for person in (GP, NURSE):
                put(person)
                with tab(browser) as (page, landed):
                    to_the_card_page(page, party, prompt="login")
                    page.wait_for_timeout(1500)  # the browser looks at its readers when it is asked, once a second
                    proceed(page)
                    arrived(page, landed)
                assert who(party, landed) == person
                reader.remove()
                with tab(browser) as (page, landed):
                    to_the_card_page(page, party, prompt="login")
                    page.wait_for_timeout(1500)
                    proceed(page)
                    said(page, "We did not get a card")
                assert not landed

    def test_a_card_swapped_behind_the_browsers_back_is_never_the_one_before_and_trying_again_logs_in(
        self, piv: Held, put: Put, reader: Reader, party: RelyingParty, pki: CardPki, tmp_path: Path
    ) -> None:
        """It is out for a moment only, and Continue is selected at once: NSS looks whether a card is in a reader once a
        second at most, and the first handshake may come without one."""
        put(GP)
        with headless(piv, pki, tmp_path) as browser:
            for person in (GP, NURSE, GP, NURSE):
                with tab(browser) as (page, landed):
                    to_the_card_page(page, party, prompt="login")
                    reader.swap(issued(pki, person), out_for=1)
                    for _ in range(4):
                        proceed(page)
                        if logged_in_or_told(page, landed, "We did not get a card"):
                            break
                        expect(page.get_by_role("main")).to_contain_text("If you have just changed cards, wait")
                        page.wait_for_timeout(1500)
                assert who(party, landed) == person

    def test_no_reader_is_a_page(self, party: RelyingParty, pki: CardPki, tmp_path: Path) -> None:
        nothing = Held(
            module=card_reader.MODULE, environment={"PCSCLITE_CSOCK_NAME": str(tmp_path / "nobody")}, pin=PIN
        )
        with headless(nothing, pki, tmp_path) as browser, tab(browser) as (page, _):
            to_the_card_page(page, party)
            proceed(page)
            said(page, "We did not get a card")

    def test_a_wrong_pin_logs_nobody_in_and_counts(
        self, piv: Held, put: Put, party: RelyingParty, pki: CardPki, tmp_path: Path
    ) -> None:
        card = put(GP)
        with headless(piv, pki, tmp_path, pin=WRONG) as browser, tab(browser) as (page, landed):
            to_the_card_page(page, party)
            page.set_default_timeout(4_000)
            with pytest.raises(Exception, match=r"Timeout|ERR_|closed|did not"):  # noqa: PT012 (whichever of them it is)
                proceed(page)
                arrived(page, landed, within=4)
        assert not landed
        assert card.left < card.tries

    @pytest.mark.parametrize(
        ("which", "heading"),
        [
            # Chromium keeps these three back: by their dates, and as the card host named whose cards it wants.
            ("expired", "We did not get a card"),
            ("early", "We did not get a card"),
            ("stranger", "We did not get a card"),
            ("imposter", "We do not recognise this card"),
            ("listed", "This smartcard is cancelled"),
            ("closed", "Your account is closed"),
            ("suspended", "Your account is suspended"),
            ("nobody", "This smartcard is not linked to an account"),
        ],
    )
    def test_a_card_that_does_not_count_gets_its_page(
        self,
        which: str,
        heading: str,
        piv: Held,
        put: Put,
        provider: Provider,
        party: RelyingParty,
        pki: CardPki,
        tmp_path: Path,
    ) -> None:
        match which:
            case "expired":
                put(GP, starts=pki.now - 290 * DAY, ends=pki.now - DAY)
            case "early":
                put(GP, starts=pki.now + DAY, ends=pki.now + 30 * DAY)
            case "stranger":
                put(GP, by=pki.stranger)
            case "imposter":
                put(GP, signer=pki.stranger)
            case "listed":
                revoked = x509.load_pem_x509_certificate(pki.revoked.certificate.read_bytes())
                put(GP, serial=revoked.serial_number)
            case "closed":
                put(PHARMACIST)
                closed = provider.run("person", "close", PHARMACIST)
                assert closed.returncode == 0, closed.stderr
            case "suspended":
                put(SUSPENDED)
            case "nobody":
                put("555999999999")
        with headless(piv, pki, tmp_path) as browser, tab(browser) as (page, landed):
            to_the_card_page(page, party)
            proceed(page)
            said(page, heading)
            shoot(page, f"smartcard-refused-{which}")
        assert not landed

    @pytest.mark.parametrize(
        ("which", "heading"),
        [
            ("none", "We did not get a card"),
            ("expired", "We did not get a card"),
            ("listed", "This smartcard is cancelled"),
            ("nobody", "This smartcard is not linked to an account"),
        ],
    )
    def test_a_token_of_softhsm_that_does_not_count_gets_the_same_page(
        self, which: str, heading: str, party: RelyingParty, pki: CardPki, tmp_path: Path
    ) -> None:
        token = no_token(tmp_path)
        match which:
            case "expired":
                put_into_token(token, pki, tmp_path, NURSE, starts=pki.now - 290 * DAY, ends=pki.now - DAY)
            case "listed":
                revoked = x509.load_pem_x509_certificate(pki.revoked.certificate.read_bytes())
                put_into_token(token, pki, tmp_path, NURSE, serial=revoked.serial_number)
            case "nobody":
                put_into_token(token, pki, tmp_path, "555999999999")
        with headless(token, pki, tmp_path) as browser, tab(browser) as (page, landed):
            to_the_card_page(page, party)
            proceed(page)
            said(page, heading)
        assert not landed

    def test_a_wrong_pin_opens_no_token_of_softhsm(
        self, softhsm: Held, party: RelyingParty, pki: CardPki, tmp_path: Path
    ) -> None:
        with headless(softhsm, pki, tmp_path, pin=WRONG) as browser, tab(browser) as (page, landed):
            to_the_card_page(page, party)
            page.set_default_timeout(4_000)
            with pytest.raises(Exception, match=r"Timeout|ERR_|closed|did not"):  # noqa: PT012 (whichever of them it is)
                proceed(page)
                arrived(page, landed, within=4)
        assert not landed

    @pytest.mark.parametrize(("doing", "state"), [("suspend", "suspended"), ("cancel", "cancelled")])
    def test_a_card_that_was_suspended_or_cancelled_since_gets_its_page_and_not_try_again(
        self,
        doing: str,
        state: str,
        piv: Held,
        put: Put,
        provider: Provider,
        party: RelyingParty,
        pki: CardPki,
        tmp_path: Path,
    ) -> None:
        """In the browser that has just logged in with it."""
        serial = known_by(put(NURSE).certificate.public_bytes(Encoding.DER))
        with headless(piv, pki, tmp_path) as browser, tab(browser) as (page, landed):
            to_the_card_page(page, party)
            proceed(page)
            arrived(page, landed)
            assert who(party, landed) == NURSE
            before = set(landed)
            done = provider.run("card", doing, serial, "--why", "lost")
            assert done.returncode == 0, done.stderr
            to_the_card_page(page, party, prompt="login")
            proceed(page)
            said(page, f"This smartcard is {state}")
            main = page.get_by_role("main")
            expect(main).to_contain_text("ask your Registration Authority (RA)", ignore_case=True)
            expect(main.get_by_role("button", name="Try again")).to_have_count(0)
            expect(main).not_to_contain_text("another way")
            shoot(page, f"smartcard-refused-{state}")
            assert set(landed) == before
            main.get_by_role("button", name="Cancel and go back to").click()
            page.wait_for_url(f"{CALLBACK}**")
        assert party.answered(landed[-1])["error"] == "access_denied"

    def test_somebody_without_a_role_is_in_without_one(
        self, piv: Held, put: Put, party: RelyingParty, pki: CardPki, tmp_path: Path
    ) -> None:
        put(NO_ROLE)
        with headless(piv, pki, tmp_path) as browser, tab(browser) as (page, landed):
            to_the_card_page(page, party, scope="openid selectedrole")
            proceed(page)
            arrived(page, landed)
        tokens = party.token(party.answered(landed[-1])["code"]).json()
        claims = party.id_token(tokens["id_token"], nonce="n")
        assert claims["sub"] == NO_ROLE
        assert "selected_roleid" not in claims


@pytest.mark.usefixtures("picked")
class TestWithTheRealDialog:
    def test_the_pin_is_typed_into_the_browsers_dialog(
        self, held: Held, party: RelyingParty, pki: CardPki, tmp_path: Path
    ) -> None:
        with headed(held, pki, tmp_path) as (browser, shown), tab(browser) as (page, landed):
            to_the_card_page(page, party)
            proceed(page, wait=False)
            shown.type_pin(PIN)
            arrived(page, landed)
        assert who(party, landed) == GP

    def test_each_card_is_asked_for_its_own_pin_and_one_that_does_not_count_gets_its_page(
        self, piv: Held, put: Put, reader: Reader, party: RelyingParty, pki: CardPki, tmp_path: Path
    ) -> None:
        """One browser, as it stands on a ward: one person, the next one, and a cancelled card. Between two the reader is
        empty when the browser looks: without that, OpenSC 0.23 can stop for ever (docs/how-to/log-in-with-smartcards.md)."""
        revoked = x509.load_pem_x509_certificate(pki.revoked.certificate.read_bytes())
        nothing = (None, dict[str, Any]())
        last = {"serial": revoked.serial_number}
        cards: list[tuple[str | None, dict[str, Any]]] = [
            nothing,
            (GP, {}),
            nothing,
            (NURSE, {}),
            nothing,
            (NURSE, last),
        ]
        with headed(piv, pki, tmp_path) as (browser, shown):
            for user, how in cards:
                if user is None:
                    reader.remove()
                else:
                    put(user, **how)
                with tab(browser) as (page, landed):
                    to_the_card_page(page, party, prompt="login")
                    if user is None:
                        page.wait_for_timeout(1500)
                        proceed(page)
                    else:
                        asked_for_the_pin(page, shown)
                        shown.type_pin(PIN)
                    if user is None or how:
                        said(page, "This smartcard is cancelled" if how else "We did not get a card")
                        assert not landed
                    else:
                        arrived(page, landed)
                        assert who(party, landed) == user

    def test_three_wrong_pins_lock_the_card_and_the_puk_unlocks_it(
        self,
        piv: Held,
        put: Put,
        provider: Provider,
        party: RelyingParty,
        pki: CardPki,
        tmp_path: Path,
        curl: Curl,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, value in piv.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PKCS11_MODULE_PATH", piv.module)
        card = put(GP)
        curl.more = by_uri(piv)
        assert party.answered(proceed_as_curl(curl, to_the_card_page_as_curl(curl, party)).url)["code"], "it works"
        for name in ("first", "locked", "unlocked"):
            (tmp_path / name).mkdir()
        with headed(piv, pki, tmp_path / "first") as (browser, shown), tab(browser) as (page, landed):
            to_the_card_page(page, party)
            proceed(page, wait=False)
            for _ in range(3):
                shown.type_pin(WRONG)
            assert card.locked
        assert not landed
        with headed(piv, pki, tmp_path / "locked") as (browser, shown), tab(browser) as (page, landed):
            to_the_card_page(page, party)
            page.set_default_timeout(4_000)
            with pytest.raises(Exception, match=r"Timeout|ERR_|closed|did not"):  # noqa: PT012 (whichever of them it is)
                proceed(page, wait=False)
                shown.type_pin(PIN)
                arrived(page, landed, within=4)
        assert not landed, "the right PIN does not help any more"
        monkeypatch.setenv("CAREKEY_CARD_OFFICER_PIN", PUK)
        monkeypatch.setenv("CAREKEY_CARD_NEW_PIN", "731902")
        unlocked = provider.run("card", "unlock", "--module", card_reader.MODULE)
        assert unlocked.returncode == 0, unlocked.stderr
        with headed(piv, pki, tmp_path / "unlocked") as (browser, shown), tab(browser) as (page, landed):
            to_the_card_page(page, party)
            proceed(page, wait=False)
            shown.type_pin("731902")
            arrived(page, landed)
        assert who(party, landed) == GP


@pytest.fixture
def found_by_programs(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**held.environment, "PKCS11_MODULE_PATH": held.module}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("found_by_programs")
def test_curl_logs_in_with_a_key_that_stays_on_the_card(held: Held, curl: Curl, party: RelyingParty) -> None:
    curl.more = by_uri(held)
    assert who(party, [proceed_as_curl(curl, to_the_card_page_as_curl(curl, party)).url]) == GP


@pytest.mark.usefixtures("found_by_programs")
def test_python_logs_in_with_a_key_that_stays_on_the_card(
    held: Held, curl: Curl, party: RelyingParty, pki: CardPki
) -> None:
    """Its own process: OpenSSL's engine knows one module for good."""
    onward = proceed_as_curl(curl, to_the_card_page_as_curl(curl, party), follow=False).onward
    piv = held.module == card_reader.MODULE
    certificate = pki.folder / f"card-{GP}-{'piv' if piv else 'softhsm'}.pem"
    uri = f"pkcs11:{'manufacturer=piv_II' if piv else 'token=card'};id=%01;type=private"
    asked = [pki.folder / "root.pem", certificate, uri, held.module, held.pin, onward]
    done = subprocess.run(
        [sys.executable, token_client.__file__, *map(str, asked)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert who(party, [curl.run(done.stdout.strip()).url]) == GP


@pytest.mark.parametrize("doing", ["issue", "renew"])
def test_a_piv_card_makes_no_keys_by_pkcs11_and_the_directory_does_not_hear_of_it(
    doing: str, piv: Held, put: Put, provider: Provider, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(GP)
    for name, value in {**piv.environment, "CAREKEY_CARD_PIN": PIN}.items():
        monkeypatch.setenv(name, value)
    provider.run("card", "new-authority", "--organisation", "Test")
    person = [GP] if doing == "issue" else []
    done = provider.run("card", doing, *person, "--module", card_reader.MODULE)
    assert done.returncode != 0
    assert "makes no keys by PKCS#11" in done.stderr
    serial = reader.tool("-L").stdout.partition("serial num")[2].split()[1]
    assert provider.run("card", "status", serial).returncode != 0
