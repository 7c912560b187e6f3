"""The card host's door, over real sockets: who stalls is hung up on, and nothing of a request is lost behind it."""

import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from carekey.app.certificate_listener import CertificateLoop
from carekey.app.handshakes import Door, Handshakes, party
from carekey.authenticators.smartcard.tests import pki


class Echo(asyncio.Protocol):
    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)
        self._transport.close()


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> ssl.SSLContext:
    file: Path = tmp_path_factory.mktemp("door") / "both.pem"
    own = pki.ROOT
    key = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(own.certificate.public_bytes(Encoding.PEM) + key)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(file)
    return made


async def _talk(port: int, said: bytes) -> bytes:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    writer.write(said)
    answer = await reader.read()
    writer.close()
    return answer


def _with_door(context: ssl.SSLContext, limits: Handshakes, talk):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Door(Echo, context, limits), "127.0.0.1", 0)
        async with server:
            return await talk(server.sockets[0].getsockname()[1])

    return asyncio.run(main())


def test_what_comes_with_the_handshake_reaches_the_protocol_behind(context) -> None:
    async def talk(port: int):
        return await asyncio.gather(*(_talk(port, b"hello %d" % number) for number in range(20)))

    assert _with_door(context, Handshakes(seconds=5), talk) == [b"hello %d" % number for number in range(20)]


def test_whoever_stalls_is_hung_up_on_and_makes_room(context) -> None:
    limits = Handshakes(by_address=1, seconds=0.2)

    async def talk(port: int):
        stalled, first = await asyncio.open_connection("127.0.0.1", port)
        first.write(b"\x16\x03\x01")
        refused, second = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(refused.read(), 0.15) == b"", "no room, at once"
        ended = await asyncio.wait_for(stalled.read(), 5)
        first.close()
        second.close()
        return ended, await _talk(port, b"room again")

    assert _with_door(context, limits, talk) == (b"", b"room again")


def test_a_handshake_that_fails_gives_its_place_back(context) -> None:
    limits = Handshakes(by_address=1, seconds=5)

    async def talk(port: int):
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.read()
            writer.close()
        return await _talk(port, b"in")

    assert _with_door(context, limits, talk) == b"in"


def test_addresses_have_their_share_and_all_have_theirs() -> None:
    limits = Handshakes(in_all=3, by_address=2, seconds=5)
    assert [limits.begin(one) for one in ("a", "a", "a", "b", "c")] == [True, True, False, True, False]
    limits.end("a")
    assert limits.begin("c")
    assert not limits.begin("a")


def test_the_loop_puts_the_door_before_tls_alone(context) -> None:
    async def main() -> list[type]:
        loop, made = asyncio.get_running_loop(), []
        for secured in (context, None):
            server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=secured)
            async with server:
                made.append(type(server._protocol_factory()))
        return made

    with asyncio.Runner(loop_factory=CertificateLoop) as runner:
        assert runner.run(main()) == [Door, Echo]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("10.20.0.2", "10.20.0.2"),
        ("::ffff:10.20.0.2", "10.20.0.2"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
    ],
)
def test_a_whole_network_of_ipv6_counts_as_one_address(address: str, counted: str) -> None:
    """Whoever has one has 2**64, and each would have its share."""
    assert party(address) == counted
