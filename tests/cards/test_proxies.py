"""The card host behind HAProxy and behind nginx, with the configurations of `deploy/`.

Zones are told apart by addresses of loopback: 127.0.0.20 stands for the health network, 127.0.0.30 for the internet.
"""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from carekey.authenticators.smartcard.tests import pki as made
from support import provider as carekey
from support import proxies
from support.card_steps import heading, proceed, to_the_card_page
from support.cards import DAY, CardPki, Curl, greets
from support.processes import free_port, running
from support.provider import GP, Provider
from support.proxies import Front, Proxy
from support.relying_party import RelyingParty

pytestmark = pytest.mark.proxies

HSCN, INTERNET = "127.0.0.20", "127.0.0.30"


@pytest.fixture(scope="module", params=[proxies.haproxy, proxies.nginx], ids=["haproxy", "nginx"])
def proxy(request: pytest.FixtureRequest) -> Proxy:
    chosen: Proxy = request.param
    proxies.check(chosen)
    return chosen


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port() for name in ("log-in", "card-host", "api-host", "behind", "unused")}


@pytest.fixture(scope="module")
def provider(
    proxy: Proxy, ports: dict[str, int], pki: CardPki, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp(proxy.__name__)
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
        stack.enter_context(
            running(proxy(folder, front), answers=lambda: greets(ports["card-host"]), log=folder / "proxy.log")
        )
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


def test_no_session_is_resumed_at_the_proxy(ports: dict[str, int], provider: Provider) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{ports['card-host']}", "-reconnect", "-no_ticket"]
    for version in ("-tls1_2", "-tls1_3"):
        done = subprocess.run([*command, version], input="", capture_output=True, text=True, check=False, timeout=30)
        assert "Reused" not in done.stdout
        assert "CN = SubCA02" in done.stdout
