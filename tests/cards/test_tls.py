"""The card host's TLS: it asks, names its authorities, proves anew each time, and leaves the main listener alone."""

import ssl
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from carekey.app.handshakes import BACKLOG, BY_ADDRESS, IN_ALL
from support.cards import CardPki, Curl, greetings
from support.half_open import half_open, hung_up_on
from support.provider import GP, Provider


def s_client(port: int, *arguments: str, sent: str = "") -> str:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", *arguments]
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=False, timeout=20)
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_it_names_the_authorities_whose_cards_it_wants_and_no_others(
    provider: Provider, card_port: int, version: str
) -> None:
    said = s_client(card_port, version)
    _, _, names = said.partition("Acceptable client certificate CA names\n")
    assert names.splitlines()[0].replace(" ", "") == "O=nhs,OU=CA,CN=SubCA02"
    assert not names.splitlines()[1].startswith("O")


def test_only_http_1_1_so_that_no_connection_is_shared(provider: Provider, card_port: int) -> None:
    assert "ALPN protocol: http/1.1" in s_client(card_port, "-alpn", "h2,http/1.1")


def test_tls_before_1_2_is_refused(provider: Provider, card_port: int) -> None:
    assert "Cipher is (NONE)" in s_client(card_port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda one: one.name)
def test_a_session_is_never_resumed(provider: Provider, card_port: int, pki: CardPki, version: ssl.TLSVersion) -> None:
    """A resumed session would prove a card that is no longer there."""
    for secured in greetings(card_port, version=version, trust=pki.folder / "root.pem", card=pki.card(GP)):
        assert secured.session_reused is False
        assert secured.session is None or not secured.session.has_ticket


def test_each_answer_ends_its_connection(provider: Provider, card_port: int, curl: Curl) -> None:
    for path in ("smartcard", "nothing-there", "smartcard?code=x"):
        answer = curl.run(f"https://localhost:{card_port}/{path}")
        assert "connection: close" in answer.body.lower()


def test_nothing_but_the_card_page_and_its_looks_is_there(provider: Provider, card_port: int, curl: Curl) -> None:
    for path in ("", "login/x", "authorize", ".well-known/openid-configuration", "userinfo", "demo", "healthz"):
        assert curl.run(f"https://localhost:{card_port}/{path}").status == 404
    assert httpx2.get(f"{provider.issuer}/smartcard").status_code == 404, "and the main listener has no such page"


@pytest.mark.parametrize(("version", "named"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_a_second_greeting_gets_neither_ticket_nor_session(
    provider: Provider, card_port: int, version: str, named: str
) -> None:
    """The same as above, as OpenSSL's own client sees it on the wire."""
    said = s_client(card_port, version, "-reconnect", "-msg", sent="GET /smartcard HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert said.count(f"New, {named}, Cipher is") == 6, "the first, and five that were to resume it"
    assert "Reused" not in said
    assert "NewSessionTicket" not in said
    assert "CertificateRequest" in said


def test_the_answer_on_the_wire_says_that_it_is_the_last(provider: Provider, card_port: int) -> None:
    request = "GET /smartcard HTTP/1.1\r\nHost: localhost\r\n\r\n"
    said = s_client(card_port, "-ign_eof", "-quiet", sent=request)
    assert said.count("HTTP/1.1 ") == 1
    assert "connection: close" in said.lower()


@dataclass(frozen=True)
class Taken:
    files: int
    memory_mb: float


def taken(process: int) -> Taken:
    status = Path(f"/proc/{process}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return Taken(files=len(list(Path(f"/proc/{process}/fd").iterdir())), memory_mb=int(resident.split()[1]) / 1024)


@pytest.fixture
def card_host(provider: Provider) -> int:
    """The process of the card host, which is a child of the main listener's."""
    children = Path(f"/proc/{provider.process}/task/{provider.process}/children").read_text().split()
    (found,) = [
        int(child) for child in children if b"carekey.app.card_host" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return found


def test_peers_that_stall_in_the_handshake_disturb_nobody(
    provider: Provider, card_port: int, curl: Curl, pki: CardPki
) -> None:
    """As many as a hospital's people who look for their PIN."""
    with half_open(card_port, 150):
        assert httpx2.get(f"{provider.issuer}/.well-known/openid-configuration").status_code == 200
        assert curl.run(f"https://localhost:{card_port}/smartcard").status == 410


def test_ten_thousand_that_stall_take_little_and_shut_nobody_else_out(
    provider: Provider, card_port: int, card_host: int, curl: Curl
) -> None:
    before = taken(card_host)
    with half_open(card_port, 10_000):
        assert httpx2.get(f"{provider.issuer}/.well-known/openid-configuration").status_code == 200
        curl.more = ("-4", "--interface", "127.0.0.40")
        assert curl.run(f"https://localhost:{card_port}/smartcard").status == 410, "another address is served"
        during = taken(card_host)
        assert during.files - before.files < BY_ADDRESS + BACKLOG
        assert during.memory_mb - before.memory_mb < 150
        assert hung_up_on(card_port), "the address itself has its share"
    curl.more = ()
    deadline = time.monotonic() + 20
    while curl.run(f"https://localhost:{card_port}/smartcard").status != 410:
        assert time.monotonic() < deadline, "and it recovers"
    after = taken(card_host)
    assert after.files <= before.files + 2


def test_from_ever_more_addresses_there_is_an_end_too(provider: Provider, card_port: int, card_host: int) -> None:
    before = taken(card_host)
    with ExitStack() as stack:
        for last in range(50, 60):
            stack.enter_context(half_open(card_port, BY_ADDRESS, source=f"127.0.0.{last}"))
        assert httpx2.get(f"{provider.issuer}/.well-known/openid-configuration").status_code == 200
        assert taken(card_host).files - before.files < IN_ALL + BACKLOG


def test_a_chain_of_a_megabyte_ends_the_handshake(
    provider: Provider, card_port: int, card_host: int, curl: Curl, pki: CardPki
) -> None:
    card, before = pki.card(GP), taken(card_host)
    long = pki.folder / "long.pem"
    long.write_bytes(card.certificate.read_bytes() + (pki.folder / "sub.pem").read_bytes() * 1500)
    curl.card = type(card)(certificate=long, key=card.key)
    for _ in range(5):
        assert curl.run(f"https://localhost:{card_port}/smartcard").code != 0
    assert httpx2.get(f"{provider.issuer}/.well-known/openid-configuration").status_code == 200
    curl.card = card
    assert curl.run(f"https://localhost:{card_port}/smartcard").status == 410
    assert taken(card_host).memory_mb - before.memory_mb < 20
