"""The card host behind HAProxy, behind nginx, and behind nginx with HAProxy as its edge, which tells it by the PROXY
protocol whose a connection is; all with the configurations of `deploy/`.

Zones are told apart by addresses of loopback: 127.0.0.20 stands for the health network, 127.0.0.30 for the internet.
"""

import base64
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.authenticators.smartcard.tests import pki as made
from support import provider as carekey
from support import proxies
from support.card_steps import heading, proceed, to_the_card_page
from support.cards import DAY, CardPki, Curl, greetings, greets
from support.half_open import half_open, hung_up_on
from support.processes import free_port, running
from support.provider import GP, Provider
from support.proxies import Front
from support.proxy_line import answer, binary_claim, spoken, status, text_claim
from support.relying_party import RelyingParty

pytestmark = pytest.mark.proxies

HSCN, INTERNET = "127.0.0.20", "127.0.0.30"


@pytest.fixture(scope="module", params=["haproxy", "nginx", "edge"])
def proxy(request: pytest.FixtureRequest) -> str:
    for program in (proxies.haproxy, proxies.nginx):
        proxies.check(program)
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def inside(ports: dict[str, int]) -> dict[str, int]:
    """Where nginx listens behind the edge."""
    return {name: free_port() for name in ports}


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port() for name in ("log-in", "card-host", "api-host", "behind", "unused")}


@pytest.fixture(scope="module")
def provider(
    proxy: str, ports: dict[str, int], inside: dict[str, int], pki: CardPki, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp(proxy)
    settings = {
        **pki.settings(port=ports["behind"], url=f"https://localhost:{ports['card-host']}", zones=f'["{HSCN}/32"]'),
        "SMARTCARDS__PROXIED": "true",
        "SERVER__PROXIES": '["127.0.0.1/32"]',
    }
    with ExitStack() as stack:
        provider = stack.enter_context(carekey.carekey(folder, **settings))
        both = folder / "both.pem"
        both.write_bytes(pki.server.certificate.read_bytes() + pki.server.key.read_bytes())
        front = Front(
            ports=ports,
            behind={"log-in": provider.port, "card-host": ports["behind"], "api-host": ports["unused"]},
            certificate=both,
            authorities=pki.folder / "sub.pem",
        )
        match proxy:
            case "haproxy":
                command = proxies.haproxy(folder, front)
            case "nginx":
                command = proxies.nginx(folder, front)
            case _:
                behind_edge = proxies.nginx(folder, replace(front, ports=inside), behind_edge=True)
                stack.enter_context(running(behind_edge, answers=lambda: True, log=folder / "nginx.log"))
                command = proxies.edge(folder, ports, inside)
        stack.enter_context(running(command, answers=lambda: greets(ports["card-host"]), log=folder / "proxy.log"))
        proxies.wait_for(ports["behind"])
        yield provider


@pytest.fixture
def nurse(curl: Curl) -> Curl:
    curl.more = ("-4", "--interface", HSCN)
    return curl


@pytest.fixture
def stranger(pki: CardPki, tmp_path: Path) -> Curl:
    folder = tmp_path / "stranger"
    folder.mkdir()
    return Curl(folder=folder, trust=pki.folder / "root.pem", card=pki.card(GP), more=("-4", "--interface", INTERNET))


def test_a_card_logs_in_through_the_proxy(nurse: Curl, party: RelyingParty, pki: CardPki) -> None:
    nurse.card = pki.card(GP)
    done = proceed(nurse, to_the_card_page(nurse, party))
    tokens = party.token(party.answered(done.url)["code"]).json()
    claims = party.id_token(tokens["id_token"], nonce="n")
    assert (claims["sub"], claims["amr"]) == (GP, ["N3_SMARTCARD"])


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("none", "We did not get a card"),
        ("expired", "Your smartcard ran out on"),
        ("stranger", "We do not recognise this card"),
        ("self-made", "We do not recognise this card"),
        ("revoked", "This smartcard is cancelled"),
    ],
)
def test_every_card_reaches_the_application_and_gets_its_page(
    which: str, said: str, nurse: Curl, party: RelyingParty, pki: CardPki
) -> None:
    match which:
        case "expired":
            nurse.card = pki.card(GP, name=which, starts=pki.now - 290 * DAY, ends=pki.now - DAY)
        case "stranger":
            nurse.card = pki.card(GP, name=which, by=pki.stranger)
        case "self-made":
            nurse.card = pki.card(GP, name=which, policy=None, by=made.root(8, starts=pki.now - DAY))
        case "revoked":
            nurse.card = pki.revoked
    at = proceed(nurse, to_the_card_page(nurse, party))
    assert (at.code, at.status) == (0, 422), at.errors
    assert heading(at).startswith(said)


def test_what_a_client_writes_into_the_headers_is_thrown_away(
    nurse: Curl, stranger: Curl, party: RelyingParty, pki: CardPki, ports: dict[str, int]
) -> None:
    """Somebody without a card says that they have one, and somebody on the internet that they are not."""
    card = x509.load_pem_x509_certificate(pki.card(GP).certificate.read_bytes())
    forged = base64.b64encode(card.public_bytes(Encoding.DER)).decode()
    nurse.more += ("--header", f"Client-Cert: :{forged}:", "--header", "X-Forwarded-For: 127.0.0.20")
    assert heading(proceed(nurse, to_the_card_page(nurse, party))) == "We did not get a card"
    nurse.more = ("-4", "--interface", HSCN)
    for header in ("X-Forwarded-For: 127.0.0.20", "Forwarded: for=127.0.0.20", "X-Real-IP: 127.0.0.20"):
        at = to_the_card_page(nurse, party)
        sent = proceed(nurse, at, follow=False).onward
        assert f":{ports['card-host']}/smartcard?code=" in sent
        assert stranger.run(sent, "--header", header).status == 403


def test_what_a_client_writes_behind_the_body_is_thrown_away_too(
    nurse: Curl, stranger: Curl, party: RelyingParty, pki: CardPki, ports: dict[str, int]
) -> None:
    """Trailers pass HAProxy (RFC 9110 section 6.5), whatever it takes out of the head."""
    card = x509.load_pem_x509_certificate(pki.card(GP).certificate.read_bytes())
    forged = base64.b64encode(card.public_bytes(Encoding.DER)).decode()
    trailers = f"Client-Cert: :{forged}:\r\nX-Forwarded-For: {HSCN}\r\n"

    def said(name: str, address: str, source: str, *, cookies: str = "") -> str:
        at = urlsplit(address)
        head = f"GET {at.path}?{at.query} HTTP/1.1\r\nHost: {at.netloc}\r\nTransfer-Encoding: chunked\r\n"
        request = f"{head}{cookies}Connection: close\r\n\r\n0\r\n{trailers}\r\n".encode()
        return spoken(("127.0.0.1", ports[name]), request, trust=pki.folder / "root.pem", source=source)

    sent = proceed(nurse, to_the_card_page(nurse, party), follow=False).onward
    found = re.search(r"(?mi)^location: (\S+)", said("card-host", sent, HSCN))
    assert found
    assert heading(nurse.run(found[1])) == "We did not get a card"
    sent = proceed(nurse, to_the_card_page(nurse, party), follow=False).onward
    assert status(said("card-host", sent, INTERNET)) == 403
    asked = f"https://localhost:{ports['log-in']}/authorize{party.authorize(acr_values='AAL3_ANY').partition('/authorize')[2]}"
    for who, source in ((nurse, HSCN), (stranger, INTERNET)):
        chooser = who.run(asked)
        shown = said("log-in", chooser.url, source, cookies=f"Cookie: {who.cookies()}\r\n")
        assert (status(shown), 'value="smartcard"' in shown) == (200, source == HSCN)


def test_the_listener_behind_answers_nobody_else(
    nurse: Curl, party: RelyingParty, pki: CardPki, ports: dict[str, int]
) -> None:
    sent = proceed(nurse, to_the_card_page(nurse, party), follow=False).onward
    past = sent.replace(f"https://localhost:{ports['card-host']}", f"http://127.0.0.1:{ports['behind']}")
    assert nurse.run(past, "--header", "X-Forwarded-For: 127.0.0.20").status == 403


def test_the_log_in_pages_are_behind_it_too_and_offer_no_card_to_the_internet(
    stranger: Curl, nurse: Curl, party: RelyingParty, ports: dict[str, int]
) -> None:
    asked = party.authorize(acr_values="AAL3_ANY").partition("/authorize")[2]
    address = f"https://localhost:{ports['log-in']}/authorize{asked}"
    assert 'value="smartcard"' in nurse.run(address).body
    for header in ("X-Forwarded-For: 127.0.0.20", "Accept: */*"):
        shown = stranger.run(address, "--header", header)
        assert shown.status == 200
        assert 'value="smartcard"' not in shown.body
        assert "HSCN" in shown.body


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda one: one.name)
@pytest.mark.usefixtures("provider")
def test_no_session_is_resumed_at_the_proxy(ports: dict[str, int], pki: CardPki, version: ssl.TLSVersion) -> None:
    trust = pki.folder / "root.pem"
    made = [
        one.session_reused for one in greetings(ports["card-host"], version=version, trust=trust, card=pki.card(GP))
    ]
    assert made == [False, False, False]


@pytest.mark.usefixtures("provider")
def test_the_proxy_names_the_authorities_and_shares_no_connection(ports: dict[str, int]) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{ports['card-host']}", "-alpn", "h2,http/1.1"]

    def said(*more: str) -> str:
        done = subprocess.run([*command, *more], input="", capture_output=True, text=True, check=False, timeout=30)
        return done.stdout

    for version in ("-tls1_2", "-tls1_3"):
        assert "Acceptable client certificate CA names\nO = nhs, OU = CA, CN = SubCA02\n" in said(version)
        assert "ALPN protocol: http/1.1" in said(version)
    assert "Cipher is (NONE)" in said("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")


def test_ten_thousand_that_stall_in_the_handshake_leave_the_log_in_pages_and_other_peoples_cards_alone(
    proxy: str, nurse: Curl, stranger: Curl, ports: dict[str, int], provider: Provider
) -> None:
    stalling = "127.0.0.40"
    with half_open(ports["card-host"], 10_000, source=stalling):
        for who in (nurse, stranger):
            assert who.run(f"https://localhost:{ports['log-in']}/healthz").status == 200
        assert nurse.run(f"https://localhost:{ports['card-host']}/smartcard").status == 410
        if proxy != "nginx":  # which cannot tell them apart before they have shaken hands
            assert hung_up_on(ports["card-host"], source=stalling), "the address itself has its share"


def said_to(port: int, *, source: str, line: bytes = b"", pki: CardPki) -> int:
    """The status that the card page answers with to a made-up code, after what stands before the handshake."""
    trust = pki.folder / "root.pem"
    return status(answer(("127.0.0.1", port), line=line, path="/smartcard?code=made-up", trust=trust, source=source))


CLAIM = text_claim(HSCN, "127.0.0.1")
BINARY_CLAIM = binary_claim(HSCN, "127.0.0.1")
HEARD, NOT_FROM_HERE = 410, 403


@pytest.mark.parametrize("proxy", ["edge"], indirect=True)
@pytest.mark.parametrize("claim", [CLAIM, BINARY_CLAIM], ids=["v1", "v2"])
@pytest.mark.usefixtures("provider")
def test_a_proxy_line_that_a_client_sends_to_the_edge_is_refused(
    claim: bytes, ports: dict[str, int], pki: CardPki
) -> None:
    assert said_to(ports["card-host"], source=HSCN, pki=pki) == HEARD
    assert said_to(ports["card-host"], source=INTERNET, pki=pki) == NOT_FROM_HERE
    for source in (HSCN, INTERNET):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            said_to(ports["card-host"], source=source, line=claim, pki=pki)


@pytest.mark.parametrize("proxy", ["edge"], indirect=True)
@pytest.mark.parametrize("claim", [CLAIM, BINARY_CLAIM], ids=["v1", "v2"])
@pytest.mark.usefixtures("provider")
def test_nginx_behind_the_edge_believes_the_edge_alone(claim: bytes, inside: dict[str, int], pki: CardPki) -> None:
    """Somebody got past the edge."""
    assert said_to(inside["card-host"], source="127.0.0.1", line=claim, pki=pki) == HEARD, "as the edge would say it"
    assert said_to(inside["card-host"], source=INTERNET, line=claim, pki=pki) == NOT_FROM_HERE
    with pytest.raises((ssl.SSLError, ConnectionError)):
        said_to(inside["card-host"], source=HSCN, pki=pki)
