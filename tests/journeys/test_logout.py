"""Logging out in one place is logging out in all: real applications, a real provider, real requests between them."""

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from urllib.parse import parse_qs, urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from playwright.sync_api import Page, expect

from support import apache, how_to
from support import provider as carekey
from support.browser import Kind
from support.keys import KeyOf
from support.person import Person
from support.processes import free_port
from support.provider import GP, NURSE, Provider
from support.relying_party import RelyingParty, metadata
from support.steps import choose_role, choose_way, log_in, touch

SOON = 15
"""Seconds: a second until the provider looks, and whatever a busy machine takes."""


class Endpoint:
    """A relying party's back-channel logout address."""

    def __init__(self) -> None:
        self.tokens: Queue[str] = Queue()
        self.visits: Queue[str] = Queue()
        """Addresses that browsers asked for."""
        told, visits = self.tokens, self.visits

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                told.put(parse_qs(body)["logout_token"][0])
                self.send_response(200)
                self.end_headers()

            def do_GET(self) -> None:
                if self.path != "/favicon.ico":
                    visits.put(self.path)
                self.send_response(200)
                self.send_header("content-type", "text/plain")
                self.end_headers()
                self.wfile.write(b"here")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.address = f"{self.origin}/logout"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    serving = Endpoint()
    thread = threading.Thread(target=serving.server.serve_forever)
    thread.start()
    yield serving
    serving.server.shutdown()
    serving.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """One whose people may lose something without anybody else missing it."""
    with carekey.carekey(tmp_path_factory.mktemp("apart")) as running:
        yield running


@pytest.fixture(scope="module")
def party(apart: Provider, endpoint: Endpoint) -> RelyingParty:
    key = RSAKey.generate_key(2048, auto_kid=True)
    about = metadata("http://localhost:9/callback", key, backchannel_logout_uri=endpoint.address)
    client = apart.register(json.loads(about), issuer="sandbox")
    return RelyingParty(
        issuer=apart.sandbox, client_id=client["client_id"], redirect_uri="http://localhost:9/callback", key=key
    )


def logged_in(provider: Provider, party: RelyingParty, who: str = GP) -> dict[str, object]:
    """The ID token's claims of somebody who logged in with a password at the sandbox issuer."""
    person = Person(user=who, password=provider.people[who]["sandbox_password"])
    asked = party.authorize(acr_values="AAL1_USERPASS", scope="openid profile")
    end = person.log_in(asked, until=party.redirect_uri, way="password")
    assert isinstance(end, str), person.seen
    answer = party.token(party.answered(end)["code"])
    assert answer.status_code == 200, answer.text
    return {**party.id_token(answer.json()["id_token"]), "access_token": answer.json()["access_token"]}


def received(party: RelyingParty, endpoint: Endpoint) -> dict[str, object]:
    token = endpoint.tokens.get(timeout=SOON)
    return dict(jwt.decode(token, KeySet.import_key_set(party.keys()), algorithms=["RS256"]).claims)


@pytest.mark.parametrize("by", ["session", "person", "suspend", "close", "take-role", "remove-way"])
def test_whoever_ends_the_session_the_application_is_told(
    apart: Provider, party: RelyingParty, endpoint: Endpoint, by: str
) -> None:
    claims = logged_in(apart, party)
    held = apart.json("person", "show", GP)
    password = next(way["id"] for way in held["ways_to_log_in"] if way["kind"] == "userpass")
    commands = {
        "session": ["sessions", "end", "--", str(claims["sid"])],
        "person": ["sessions", "end", "--person", GP],
        "suspend": ["person", "suspend", GP],
        "close": ["person", "close", GP],
        "take-role": ["person", "take-role", GP, *(role["id"] for role in held["roles"])],
        "remove-way": ["person", "remove-way", "--", GP, password],
    }
    listed = [session["id"] for session in apart.json("sessions", "list", GP)]
    assert claims["sid"] in listed
    done = apart.run(*commands[by])
    assert done.returncode == 0, done.stderr
    told = received(party, endpoint)
    assert (told["sid"], told["sub"], told["aud"]) == (claims["sid"], GP, party.client_id)
    assert party.userinfo(str(claims["access_token"])).status_code == 401
    deliveries = apart.json("clients", "deliveries", party.client_id, "--issuer", "sandbox")
    (delivery,) = [one for one in deliveries if one["session"] == claims["sid"]]
    assert (delivery["person"], delivery["tries"]) == (GP, 1)
    if by in {"suspend", "close"}:
        assert apart.run("person", "reopen", GP).returncode == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sessions", "end", "made-up"], 3),
        (["sessions", "end"], 2),
        (["sessions", "end", "a", "--person", GP], 2),
        (["person", "suspend", "555999999999"], 3),
        (["person", "remove-way", GP, "made-up"], 3),
        (["person", "take-role", GP, "made-up"], 3),
        (["clients", "deliveries", "made-up"], 3),
    ],
    ids=str,
)
def test_what_is_not_there_is_a_sentence_and_an_exit_code(apart: Provider, command: list[str], code: int) -> None:
    done = apart.run(*command)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_nobody_is_told_of_a_session_that_goes_on(apart: Provider, party: RelyingParty, endpoint: Endpoint) -> None:
    logged_in(apart, party, NURSE)
    with pytest.raises(Empty):
        endpoint.tokens.get_nowait()


@pytest.mark.browser
def test_frontchannel_3_the_browser_tells_the_application_and_then_goes_back_to_it(
    tab: Page, apart: Provider, endpoint: Endpoint
) -> None:
    origin = endpoint.origin
    key = RSAKey.generate_key(2048, auto_kid=True)
    about = metadata(
        f"{origin}/callback",
        key,
        frontchannel_logout_uri=f"{origin}/frontchannel",
        frontchannel_logout_session_required=True,
        backchannel_logout_uri=endpoint.address,
        post_logout_redirect_uris=[f"{origin}/goodbye"],
    )
    client = apart.register(json.loads(about), issuer="sandbox")
    party = RelyingParty(
        issuer=apart.sandbox, client_id=client["client_id"], redirect_uri=f"{origin}/callback", key=key
    )

    def enter() -> str:
        tab.goto(party.authorize(acr_values="AAL1_USERPASS", nonce="n"))
        tab.get_by_label("User name").fill(NURSE)
        tab.get_by_label("Password", exact=True).fill(apart.people[NURSE]["sandbox_password"])
        tab.get_by_role("button", name="Continue").click()
        tab.wait_for_url(f"{origin}/callback**")
        id_token: str = party.token(party.answered(tab.url)["code"]).json()["id_token"]
        return id_token

    id_token = enter()
    sid = party.id_token(id_token, nonce="n")["sid"]
    query = urlencode({"id_token_hint": id_token, "post_logout_redirect_uri": f"{origin}/goodbye", "state": "s1"})
    tab.goto(f"{party.discovered()['end_session_endpoint']}?{query}")
    tab.wait_for_url(f"{origin}/goodbye?state=s1")
    visits = [endpoint.visits.get(timeout=SOON) for _ in range(3)]
    assert visits[1] == f"/frontchannel?{urlencode({'iss': apart.sandbox, 'sid': sid})}"
    assert endpoint.tokens.get(timeout=SOON)

    enter()
    tab.goto(f"{apart.issuer}/logout")
    tab.get_by_role("button", name="Log out").click()
    expect(tab.get_by_role("heading", name="You have logged out")).to_be_visible()
    expect(tab.get_by_text("We told these applications that you have logged out")).to_be_visible(timeout=SOON * 1000)
    assert endpoint.tokens.get(timeout=SOON)


@pytest.mark.browser
def test_logging_out_of_the_ward_logs_out_of_the_pharmacy(tab: Page, ward: str, pharmacy: str, key_of: KeyOf) -> None:
    log_in(tab, ward, key_of(GP, Kind.SECURITY_KEY))
    tab.goto(f"{pharmacy}/log-in/log-in")
    expect(tab.locator("#sub")).to_have_text(GP)
    tab.goto(ward)
    tab.get_by_role("button", name="Log out").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("You have logged out of Ward 7")

    def still_logged_in() -> bool:
        tab.goto(pharmacy)
        return tab.locator("#sub").is_visible()

    _eventually_not(tab, still_logged_in)


@pytest.mark.browser
@pytest.mark.apache
def test_mod_auth_openidc_is_told_of_a_log_out_and_begins_one_itself(
    tab: Page, provider: Provider, key_of: KeyOf
) -> None:
    apache.check()
    key_of(NURSE, Kind.SYNCED).plug_in(tab)
    ports = {8000: provider.port, 9002: free_port()}
    with tempfile.TemporaryDirectory(prefix="carekey-logout-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with how_to.application(
            "Apache", folder, ports=ports, port=9002, environment=dict(provider.environment)
        ) as address:
            tab.goto(address)
            choose_way(tab, "passkey")
            touch(tab)
            choose_role(tab, "ST HILDA'S COMMUNITY HOSPITAL")
            greeting = tab.get_by_role("heading", name="Hello Niamh O'Sullivan")
            expect(greeting).to_be_visible()
            assert provider.run("sessions", "end", "--person", NURSE).returncode == 0

            def still_logged_in() -> bool:
                tab.goto(address)
                return greeting.is_visible()

            _eventually_not(tab, still_logged_in)
            expect(tab.get_by_role("heading", name="How do you want to log in?")).to_be_visible()

            # And the other way round: it sends the person to us to log out (RP-Initiated Logout).
            choose_way(tab, "passkey")
            touch(tab)
            choose_role(tab, "ST HILDA'S COMMUNITY HOSPITAL")
            expect(greeting).to_be_visible()
            (before,) = provider.json("sessions", "list", NURSE)
            tab.goto(f"{address}/callback?{urlencode({'logout': f'{address}/'})}")
            # Back at the application, which sends whoever is not logged in to us: nobody is.
            expect(tab.get_by_role("heading", name="How do you want to log in?")).to_be_visible()
            assert before["id"] not in [session["id"] for session in provider.json("sessions", "list", NURSE)]


def _eventually_not(tab: Page, still: Callable[[], bool]) -> None:
    for _ in range(SOON * 2):
        if not still():
            return
        tab.wait_for_timeout(500)
    raise AssertionError("nobody was told")
