"""The card host's TLS: it asks, names its authorities, proves anew each time, and leaves the main listener alone."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import pytest

from support.cards import CardPki, Curl
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
    context = ssl.create_default_context(cafile=str(pki.folder / "root.pem"))
    context.minimum_version = context.maximum_version = version
    card = pki.card(GP)
    context.load_cert_chain(card.certificate, card.key)
    earlier = None
    for _ in range(3):
        with (
            socket.create_connection(("127.0.0.1", card_port)) as raw,
            context.wrap_socket(raw, server_hostname="localhost", session=earlier) as secured,
        ):
            secured.sendall(b"GET /smartcard HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while secured.recv(65536):
                pass
            assert secured.session_reused is False
            earlier = secured.session
            assert earlier is None or not earlier.has_ticket


def test_each_answer_ends_its_connection(provider: Provider, card_port: int, curl: Curl) -> None:
    for path in ("smartcard", "nothing-there", "smartcard?code=x"):
        answer = curl.run(f"https://localhost:{card_port}/{path}")
        assert "connection: close" in answer.body.lower()


def test_nothing_but_the_card_page_and_its_looks_is_there(provider: Provider, card_port: int, curl: Curl) -> None:
    for path in ("", "login/x", "authorize", ".well-known/openid-configuration", "userinfo", "demo", "healthz"):
        assert curl.run(f"https://localhost:{card_port}/{path}").status == 404
    assert httpx2.get(f"{provider.issuer}/smartcard").status_code == 404, "and the main listener has no such page"


@contextmanager
def half_open(port: int, count: int) -> Iterator[None]:
    """So many that say half a greeting, and no more."""
    with ExitStack() as stack:
        for _ in range(count):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        yield


def test_peers_that_stall_in_the_handshake_disturb_nobody(
    provider: Provider, card_port: int, curl: Curl, pki: CardPki
) -> None:
    with half_open(card_port, 300):
        began = time.monotonic()
        assert httpx2.get(f"{provider.issuer}/.well-known/openid-configuration").status_code == 200
        assert curl.run(f"https://localhost:{card_port}/smartcard").status == 410
        assert time.monotonic() - began < 5


def test_a_chain_of_a_megabyte_ends_the_handshake(provider: Provider, card_port: int, curl: Curl, pki: CardPki) -> None:
    card = pki.card(GP)
    long = pki.folder / "long.pem"
    long.write_bytes(card.certificate.read_bytes() + (pki.folder / "sub.pem").read_bytes() * 1500)
    curl.card = type(card)(certificate=long, key=card.key)
    assert curl.run(f"https://localhost:{card_port}/smartcard").code != 0
    assert httpx2.get(f"{provider.issuer}/.well-known/openid-configuration").status_code == 200
