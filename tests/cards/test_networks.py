"""The gate between networks, with real ones: offered and accepted from the health network, neither from the internet.

CareKey ends TLS itself, or stands behind the proxies of `deploy/`: HAProxy, nginx, and nginx with HAProxy as its edge.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc.jwk import RSAKey

from support import proxies, proxy_line
from support.card_steps import heading, proceed
from support.cards import CardPki, Curl
from support.networks import HSCN, SERVICE, Networks, networks, possible
from support.processes import running
from support.provider import CAREKEY, GP, PYTHONPATH, Provider
from support.proxies import Front
from support.proxy_line import HUNG_UP, binary_claim, status, text_claim
from support.relying_party import metadata

pytestmark = [pytest.mark.namespaces, pytest.mark.proxies]

CALLBACK = "http://localhost:9/callback"
LOG_IN, CARD_HOST = 9443, 9444
PORTS = {"log-in": LOG_IN, "card-host": CARD_HOST, "api-host": 9445}
BEHIND_EDGE = {"log-in": 7443, "card-host": 7444, "api-host": 7445}
BEHIND = {"log-in": 8080, "card-host": 8081, "api-host": 8082}
ISSUER = f"https://login.card.test:{LOG_IN}"
OFFERED = 'value="smartcard"'


@pytest.fixture(scope="module")
def nets() -> Iterator[Networks]:
    if not possible():
        pytest.skip("this machine does not let us make network namespaces (needs root and iproute2)")
    with networks() as made:
        yield made


@dataclass(frozen=True)
class Service:
    client_id: str
    past_edge: bool
    """Whether nginx stands behind an edge, and is within reach too."""


@pytest.fixture(scope="module", params=["itself", "haproxy", "nginx", "edge"])
def service(
    request: pytest.FixtureRequest, nets: Networks, pki: CardPki, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that the two networks reach, with a wildcard name for its card host; what ends TLS is CareKey itself,
    or a proxy with a configuration of `deploy/`."""
    front, folder = request.param, tmp_path_factory.mktemp("networks")
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
    if front != "itself":
        del settings["SERVER__CERTIFICATE"], settings["SERVER__PRIVATE_KEY"]
        settings |= {  # within everybody's reach, as it never should be
            "SERVER__HOST": "0.0.0.0",
            "SERVER__PORT": str(BEHIND["log-in"]),
            "SERVER__PROXIES": '["127.0.0.1/32"]',
            "SMARTCARDS__HOST": "0.0.0.0",
            "SMARTCARDS__PORT": str(BEHIND["card-host"]),
            "SMARTCARDS__PROXIED": "true",
        }
    environment = {"PYTHONPATH": PYTHONPATH, **{f"CAREKEY_{name}": value for name, value in settings.items()}}
    provider = Provider(folder=folder, port=LOG_IN, environment=environment)
    for path, body in pki.lists.bodies.items():
        (folder / path.strip("/")).write_bytes(body)
    # The lists of the other tests are on this machine's loopback, which the namespace does not have.
    lists = [sys.executable, "-m", "http.server", str(pki.lists.port), "--bind", "127.0.0.1", "--directory", folder]
    knock = curl_in(nets, nets.hscn, folder, pki)

    def answers(address: str) -> bool:
        return knock.run(address).status in {200, 410}

    with ExitStack() as stack:

        def starts(name: str, command: Sequence[str | Path], answers: Callable[[], bool] = lambda: True) -> None:
            inside, log = nets.inside(nets.service, command), folder / f"{name}.log"
            stack.enter_context(running(inside, answers=answers, log=log, cwd=folder, environment=environment))

        starts("lists", lists)
        for name, command in before(front, folder, pki):
            starts(name, command)
        discovery, card_host = (
            f"{ISSUER}/.well-known/openid-configuration",
            f"https://a.card.test:{CARD_HOST}/smartcard",
        )
        starts("carekey", [*CAREKEY, "serve"], lambda: answers(discovery) and answers(card_host))
        key = RSAKey.generate_key(2048, auto_kid=True)
        client_id = provider.register(json.loads(metadata(CALLBACK, key)))["client_id"]
        yield Service(client_id, past_edge=front == "edge")


def before(front: str, folder: Path, pki: CardPki) -> Iterator[tuple[str, list[str]]]:
    """The proxies that stand before CareKey: names and commands."""
    if front == "itself":
        return
    for program in (proxies.haproxy, proxies.nginx):
        proxies.check(program)
    both = folder / "both.pem"
    both.write_bytes(pki.server.certificate.read_bytes() + pki.server.key.read_bytes())
    outside = Front(ports=PORTS, behind=BEHIND, certificate=both, authorities=pki.folder / "sub.pem", host=SERVICE)
    match front:
        case "haproxy":
            yield "haproxy", proxies.haproxy(folder, outside)
        case "nginx":
            yield "nginx", proxies.nginx(folder, outside)
        case "edge":
            within_reach = replace(outside, ports=BEHIND_EDGE, host="0.0.0.0")
            yield "nginx", proxies.nginx(folder, within_reach, behind_edge=True)
            yield "edge", proxies.edge(folder, PORTS, BEHIND_EDGE, host=SERVICE)


def curl_in(nets: Networks, name: str, folder: Path, pki: CardPki) -> Curl:
    hosts = (f"*:{CARD_HOST}", f"login.card.test:{LOG_IN}", f"card.test:{BEHIND['card-host']}")
    there = [f"{host}:{SERVICE}" for host in (*hosts, f"login.card.test:{BEHIND['log-in']}")]
    return Curl(
        folder=folder,
        trust=pki.folder / "root.pem",
        card=pki.card(GP),
        more=tuple(part for place in there for part in ("--resolve", place)),
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


def test_from_the_health_network_a_card_is_offered_and_accepted(nurse: Curl, service: Service) -> None:
    assert OFFERED in nurse.run(authorize(service.client_id, "AAL3_ANY")).body
    at = nurse.run(authorize(service.client_id, "AAL3_SMARTCARD"))
    hosts = []
    for _ in range(2):
        sent = proceed(nurse, at, follow=False).onward
        hosts.append(urlsplit(sent).hostname)
        at = nurse.run(authorize(service.client_id, "AAL3_SMARTCARD"))
    assert hosts[0] != hosts[1], "each attempt has a host of its own"
    done = proceed(nurse, at)
    assert done.url.startswith(f"{CALLBACK}?")
    assert "code" in parse_qs(urlsplit(done.url).query)


FORGED = pytest.mark.parametrize(
    "forged",
    [
        ("Accept: */*",),
        (f"X-Forwarded-For: {HSCN}",),
        (f"X-Forwarded-For: {HSCN}", f"X-Forwarded-For: {HSCN}, 127.0.0.1"),
        (f"Forwarded: for={HSCN}", f"X-Real-IP: {HSCN}"),
        ("Client-Cert: :AAAA:",),
    ],
    ids=["nothing", "forwarded-for", "forwarded-for-twice", "others", "client-cert"],
)


def as_headers(lines: Sequence[str]) -> list[str]:
    return [part for line in lines for part in ("--header", line)]


@FORGED
def test_from_the_internet_no_card_is_offered(stranger: Curl, service: Service, forged: Sequence[str]) -> None:
    shown = stranger.run(authorize(service.client_id, "AAL3_ANY"), *as_headers(forged))
    assert shown.status == 200
    assert OFFERED not in shown.body
    assert "this works only on the HSCN network" in shown.body
    named = stranger.run(authorize(service.client_id, "AAL3_SMARTCARD"), *as_headers(forged))
    assert heading(named) == "You cannot log in from here"


@FORGED
def test_from_the_internet_no_card_is_accepted(
    nurse: Curl, stranger: Curl, service: Service, forged: Sequence[str]
) -> None:
    """Neither directly, nor with a hand-over code that was taken on the health network."""
    direct = stranger.run(f"https://a.card.test:{CARD_HOST}/smartcard?code=x", *as_headers(forged))
    assert direct.status == 403
    sent = handed_over(nurse, service)
    assert stranger.run(sent, *as_headers(forged)).status == 403
    assert nurse.run(sent).status == 410, "and the code is spent"


@pytest.mark.parametrize("service", ["haproxy", "nginx", "edge"], indirect=True)
@FORGED
def test_past_the_proxy_the_internet_is_the_internet(
    nurse: Curl, stranger: Curl, service: Service, forged: Sequence[str]
) -> None:
    """CareKey's own listeners were left open to everybody: what a stranger writes is not what a proxy says."""
    code = urlsplit(handed_over(nurse, service)).query
    straight = f"http://card.test:{BEHIND['card-host']}/smartcard?{code}"
    assert stranger.run(straight, *as_headers(forged)).status == 403
    chooser = stranger.run(authorize(service.client_id, "AAL3_ANY"))
    past = chooser.url.replace(ISSUER, f"http://login.card.test:{BEHIND['log-in']}")
    # By hand: curl keeps them to TLS.
    shown = stranger.run(past, *as_headers([f"Cookie: {stranger.cookies()}", *forged]))
    assert (shown.status, heading(shown)) == (200, heading(chooser))
    assert OFFERED not in shown.body


@pytest.mark.parametrize("claim", [text_claim, binary_claim])
def test_a_proxy_line_from_the_internet_opens_nothing(
    nets: Networks, nurse: Curl, pki: CardPki, service: Service, claim: Callable[[str, str], bytes]
) -> None:
    line = claim(HSCN, SERVICE)

    def said(port: int, host: str, path: str) -> str:
        script = [sys.executable, proxy_line.__file__, SERVICE, str(port), host]
        command = nets.inside(nets.internet, [*script, pki.folder / "root.pem", path, line.hex()])
        environment = {**os.environ, "PYTHONPATH": str(Path(proxy_line.__file__).parents[1])}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.strip()

    asked = urlsplit(authorize(service.client_id, "AAL3_ANY"))
    log_in_page, card_page = f"{asked.path}?{asked.query}", urlsplit(handed_over(nurse, service))
    card_host, entrance = str(card_page.hostname), f"{card_page.path}?{card_page.query}"
    assert said(LOG_IN, "login.card.test", log_in_page) == HUNG_UP
    assert said(CARD_HOST, card_host, entrance) == HUNG_UP
    if service.past_edge:
        straight = said(BEHIND_EDGE["log-in"], "login.card.test", log_in_page)
        assert status(straight) == 303, "it speaks the PROXY protocol, and does not believe a stranger"
        assert status(said(BEHIND_EDGE["card-host"], card_host, entrance)) == 403
        assert nurse.run(card_page.geturl()).status == 410, "and the code is spent"


def handed_over(nurse: Curl, service: Service) -> str:
    """The card host's address, with a hand-over code that was taken on the health network."""
    sent = proceed(nurse, nurse.run(authorize(service.client_id, "AAL3_SMARTCARD")), follow=False).onward
    assert "/smartcard?code=" in sent
    return sent
