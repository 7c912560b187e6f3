"""Peers that stall at the API host hold nobody up: not the main listener, and not those who shake hands properly."""

import select
import socket
import time
from contextlib import ExitStack, suppress

import httpx2

from carekey.app.handshakes import BY_ADDRESS
from support.mtls import Place
from support.person import one_shot


def test_peers_that_stall_in_the_handshake_disturb_nobody(place: Place) -> None:
    """They come from elsewhere than the others: one address has no more than its share of the handshakes."""
    tries = BY_ADDRESS + 100
    with ExitStack() as stack:
        peers = []
        for _ in range(tries):
            peer = socket.create_connection(("127.0.0.1", place.port), timeout=5, source_address=("127.0.0.40", 0))
            peers.append(stack.enter_context(peer))
            with suppress(OSError):  # it may be hung up on by then
                peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        began = time.monotonic()
        # Behind a proxy how many may stall is for the proxy to say.
        held = BY_ADDRESS if place.behind is None else tries
        while not_hung_up(peers) > held:
            assert time.monotonic() - began < 5, "more of one address are held than it may have"
        assert not_hung_up(peers) == held
        with httpx2.Client(transport=one_shot()) as http:
            assert http.get(f"{place.provider.sandbox}/.well-known/openid-configuration").status_code == 200
        assert place.token("pki", "own").status_code == 200
        assert time.monotonic() - began < 10, "they were dropped before anybody else was answered"


def not_hung_up(peers: list[socket.socket]) -> int:
    ended, _, _ = select.select(peers, [], [], 0.05)
    return len(peers) - len(ended)


def test_a_peer_that_stalls_is_dropped(place: Place) -> None:
    if place.behind is not None:
        return  # the proxy's own to bound: timeout http-request, client_header_timeout
    with socket.create_connection(("127.0.0.1", place.port), timeout=30) as peer:
        peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        assert peer.recv(1) == b""


def test_stalling_after_the_handshake_does_not_stop_others(place: Place) -> None:
    context = place.pki.context("own")
    with ExitStack() as stack:
        for _ in range(40):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", place.port), timeout=10))
            secured = stack.enter_context(context.wrap_socket(raw, server_hostname="localhost"))
            secured.sendall(b"POST /sandbox/access_token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\na")
        assert place.token("pki", "own").status_code == 200


def test_120_requests_of_every_kind_of_certificate_all_get_an_answer(place: Place) -> None:
    """The fault that the prototype of this listener had on another event loop."""
    kinds = (("pki", "own", 200), ("pki", "expired", 401), ("self", "self-signed", 200))
    for client, certificate, status in kinds:
        answers = [place.token(client, certificate).status_code for _ in range(40)]
        assert answers == [status] * 40
