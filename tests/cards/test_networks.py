"""The gate between networks, with real ones: offered and accepted from the health network, neither from the internet."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc.jwk import RSAKey

from support.card_steps import heading, proceed
from support.cards import CardPki, Curl
from support.networks import SERVICE, Networks, networks, possible
from support.processes import running
from support.provider import CAREKEY, GP, PYTHONPATH, Provider
from support.relying_party import metadata

pytestmark = pytest.mark.namespaces

CALLBACK = "http://localhost:9/callback"
LOG_IN, CARD_HOST = 9443, 9444
ISSUER = f"https://login.card.test:{LOG_IN}"


@pytest.fixture(scope="module")
def nets() -> Iterator[Networks]:
    if not possible():
        pytest.skip("this machine does not let us make network namespaces (needs root and iproute2)")
    with networks() as made:
        yield made


@pytest.fixture(scope="module")
def client_id(nets: Networks, pki: CardPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that the two networks reach, with a wildcard name for its card host; an application's id there."""
    folder = tmp_path_factory.mktemp("networks")
    settings = {
        **pki.settings(port=CARD_HOST, url=f"https://*.card.test:{CARD_HOST}", zones='["10.20.0.0/16"]'),
        "SMARTCARDS__HOST": SERVICE,
        "ENVIRONMENT": "demo",
        "DATA": str(folder / "data"),
        "SERVER__HOST": SERVICE,
        "SERVER__PORT": str(LOG_IN),
        "SERVER__CERTIFICATE": str(pki.server.certificate),
        "SERVER__PRIVATE_KEY": str(pki.server.key),
        "ISSUERS__HEALTHCARE__URL": ISSUER,
        "ISSUERS__HEALTHCARE__SANDBOX": "true",
        "ISSUERS__HEALTHCARE__WAYS": '["smartcard", "passkey", "security-key"]',
    }
    environment = {"PYTHONPATH": PYTHONPATH, **{f"CAREKEY_{name}": value for name, value in settings.items()}}
    provider = Provider(folder=folder, port=LOG_IN, environment=environment)
    for path, body in pki.lists.bodies.items():
        (folder / path.strip("/")).write_bytes(body)
    # The lists of the other tests are on this machine's loopback, which the namespace does not have.
    lists = [sys.executable, "-m", "http.server", str(pki.lists.port), "--bind", "127.0.0.1", "--directory", folder]
    knock = curl_in(nets, nets.hscn, folder, pki)

    def answers(address: str) -> Callable[[], bool]:
        return lambda: knock.run(address).code == 0

    card_host = answers(f"https://a.card.test:{CARD_HOST}/smartcard")
    with (
        running(nets.inside(nets.service, lists), answers=lambda: True, log=folder / "lists.log"),
        running(
            nets.inside(nets.service, [*CAREKEY, "serve"]),
            answers=lambda: answers(f"{ISSUER}/.well-known/openid-configuration")() and card_host(),
            log=folder / "carekey.log",
            cwd=folder,
            environment=environment,
        ),
    ):
        key = RSAKey.generate_key(2048, auto_kid=True)
        yield provider.register(json.loads(metadata(CALLBACK, key)))["client_id"]


def curl_in(nets: Networks, name: str, folder: Path, pki: CardPki) -> Curl:
    there = (f"*:{CARD_HOST}:{SERVICE}", f"login.card.test:{LOG_IN}:{SERVICE}")
    return Curl(
        folder=folder,
        trust=pki.folder / "root.pem",
        card=pki.card(GP),
        more=("--resolve", there[0], "--resolve", there[1]),
        inside=tuple(nets.inside(name, [])),
    )


@pytest.fixture
def nurse(nets: Networks, pki: CardPki, tmp_path: Path) -> Curl:
    return curl_in(nets, nets.hscn, tmp_path, pki)


@pytest.fixture
def stranger(nets: Networks, pki: CardPki, tmp_path: Path) -> Curl:
    folder = tmp_path / "stranger"
    folder.mkdir()
    return curl_in(nets, nets.internet, folder, pki)


def authorize(client_id: str, acr: str) -> str:
    asked = {"response_type": "code", "client_id": client_id, "redirect_uri": CALLBACK, "scope": "openid"}
    return f"{ISSUER}/authorize?{urlencode({**asked, 'state': 's', 'acr_values': acr})}"


def test_from_the_health_network_a_card_is_offered_and_accepted(nurse: Curl, client_id: str) -> None:
    assert 'value="smartcard"' in nurse.run(authorize(client_id, "AAL3_ANY")).body
    at = nurse.run(authorize(client_id, "AAL3_SMARTCARD"))
    hosts = []
    for _ in range(2):
        sent = proceed(nurse, at, follow=False).onward
        hosts.append(urlsplit(sent).hostname)
        at = nurse.run(authorize(client_id, "AAL3_SMARTCARD"))
    assert hosts[0] != hosts[1], "each attempt has a host of its own"
    done = proceed(nurse, at)
    assert done.url.startswith(f"{CALLBACK}?")
    assert "code" in parse_qs(urlsplit(done.url).query)


def test_from_the_internet_no_card_is_offered(stranger: Curl, client_id: str) -> None:
    shown = stranger.run(authorize(client_id, "AAL3_ANY"))
    assert shown.status == 200
    assert 'value="smartcard"' not in shown.body
    assert "this works only on the HSCN network" in shown.body
    assert heading(stranger.run(authorize(client_id, "AAL3_SMARTCARD"))) == "You cannot log in from here"


@pytest.mark.parametrize(
    "forged", ["Accept: */*", "X-Forwarded-For: 10.20.0.2", "Forwarded: for=10.20.0.2", "Client-Cert: :AAAA:"]
)
def test_from_the_internet_no_card_is_accepted(nurse: Curl, stranger: Curl, client_id: str, forged: str) -> None:
    """Neither directly, nor with a hand-over code that was taken on the health network."""
    direct = stranger.run(f"https://a.card.test:{CARD_HOST}/smartcard?code=x", "--header", forged)
    assert direct.status == 403
    at = nurse.run(authorize(client_id, "AAL3_SMARTCARD"))
    sent = proceed(nurse, at, follow=False).onward
    assert "/smartcard?code=" in sent
    assert stranger.run(sent, "--header", forged).status == 403
    assert nurse.run(sent).status == 410, "and the code is spent"
