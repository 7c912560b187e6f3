"""What a third party has to ask for, and who goes on, in real Chromium: an application that registered itself asks to
see something, shows its logo, is remembered, asked again, refused; and the account chooser."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from carekey.oidc.clients.tests.test_logo import GOOD
from support.browser import axe, shoot
from support.processes import free_port
from support.provider import GP, NURSE, Provider, carekey
from support.relying_party import RelyingParty

pytestmark = pytest.mark.browser


@dataclass
class Application:
    """Answers at its redirect address, and has a logo."""

    port: int
    asked_for: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    asked_for: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            asked_for.append(path)
            body, kind = (GOOD, "image/png") if path == "/logo.png" else (b"<h1>Rota planner</h1>", "text/html")
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield Application(server.server_port, asked_for)
        server.shutdown()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One that remembers agreements, and always asks who goes on."""
    port = free_port()
    settings = {
        "ISSUERS__HEALTHCARE__URL": f"http://localhost:{port}",
        "ISSUERS__HEALTHCARE__SANDBOX": "true",
        "ISSUERS__HEALTHCARE__WAYS": '["password"]',
        "ISSUERS__HEALTHCARE__REGISTRATION__WHO": "anybody",
        "ISSUERS__HEALTHCARE__CONSENT_LIFETIME": "90d",
        "ISSUERS__HEALTHCARE__ACCOUNT_CHOOSER": "always",
    }
    with carekey(tmp_path_factory.mktemp("asking"), port=port, **settings) as running:
        yield running


@pytest.fixture
def planner(asking: Provider, application: Application) -> RelyingParty:
    metadata = {
        "client_name": "Rota planner",
        "redirect_uris": [f"{application.address}/callback"],
        "logo_uri": f"{application.address}/logo.png",
        "policy_uri": f"{application.address}/policy",
        "default_acr_values": ["AAL1_USERPASS"],
        "token_endpoint_auth_method": "client_secret_post",
    }
    told = requests.post(f"{asking.issuer}/register", json=metadata, timeout=10)
    assert told.status_code == 201, told.text
    client = told.json()
    return RelyingParty(
        issuer=asking.issuer,
        client_id=client["client_id"],
        redirect_uri=f"{application.address}/callback",
        secret=client["client_secret"],
    )


def heading(tab: Page, text: str) -> None:
    expect(tab.get_by_role("heading", level=1)).to_have_text(text)


def go_on(tab: Page, choice: str) -> None:
    tab.get_by_label(choice).check()
    tab.get_by_role("button", name="Continue").click()


def log_in(tab: Page, provider: Provider, person: str) -> None:
    tab.get_by_label("User name").fill(person)
    tab.get_by_label("Password", exact=True).fill(provider.people[person]["sandbox_password"])
    tab.get_by_role("button", name="Continue").click()


def answer(tab: Page) -> dict[str, str]:
    """What the application was told."""
    heading(tab, "Rota planner")
    return dict(parse_qsl(urlsplit(tab.url).query))


SHARE = "Rota planner wants to see some of your information"


def test_core_3_1_2_4_a_third_party_asks_shows_its_logo_and_is_remembered(
    tab: Page, asking: Provider, planner: RelyingParty, application: Application
) -> None:
    tab.goto(planner.authorize(scope="openid profile"))
    log_in(tab, asking, NURSE)
    heading(tab, SHARE)
    application.asked_for.clear()
    tab.reload()
    size = tab.locator("img").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert size == [3, 2], "the logo is there"
    assert axe(tab) == []
    shoot(tab, "journey-share-with-logo")
    go_on(tab, "Yes, share")
    assert "code" in answer(tab)
    assert "/logo.png" not in application.asked_for, "the application learns of nobody who looks at the page"

    tab.goto(planner.authorize(scope="openid profile"))
    go_on(tab, "Go on as")
    assert "code" in answer(tab), "the agreement counts"

    tab.goto(planner.authorize(scope="openid profile", prompt="consent"))
    go_on(tab, "Go on as")
    heading(tab, SHARE)
    go_on(tab, "No, go back")
    assert answer(tab)["error"] == "access_denied"

    tab.goto(planner.authorize(scope="openid profile email", prompt="none"))
    assert answer(tab)["error"] == "consent_required", "more than was agreed to"


def test_core_3_1_2_1_somebody_else_at_the_same_computer_says_so(
    tab: Page, asking: Provider, planner: RelyingParty
) -> None:
    tab.goto(planner.authorize())
    log_in(tab, asking, NURSE)
    go_on(tab, "Yes, share")
    answer(tab)
    tab.goto(planner.authorize())
    heading(tab, "Who is going on to Rota planner?")
    tab.get_by_role("button", name="Continue").click()
    expect(tab.get_by_role("alert")).to_contain_text("Select who goes on")
    go_on(tab, "Log in as someone else")
    go_on(tab, "User name and password")
    log_in(tab, asking, GP)
    heading(tab, SHARE)
    go_on(tab, "Yes, share")
    tokens = planner.token(answer(tab)["code"]).json()
    assert planner.id_token(tokens["id_token"])["sub"] == GP
