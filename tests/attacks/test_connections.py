"""What a connection may cost the server, over real sockets."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn

from carekey.app import protocol
from carekey.app.protocol import HEAD_LIMIT, BoundedHttp, InOnePacket
from support.processes import free_port

pytestmark = pytest.mark.anyio

CHUNK = b"a" * 16_000


async def _ok(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    told = b"".join(name + b"=" + value + b"," for name, value in scope["headers"] if name in {b"x", b"y"})
    headers = [(b"told", told[:99]), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    port = free_port()
    config = uvicorn.Config(_ok, port=port, http=BoundedHttp, lifespan="off", log_config=None, ws="none")
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        yield port
        server.should_exit = True
        await serving


async def answer_to(port: int, *chunks: bytes, reads: int = 1) -> bytes:
    """What comes back until the server closes, or has sent so many answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        async with asyncio.timeout(10):
            while got.count(b"HTTP/1.1 ") < reads or b"\r\n\r\n" not in got:
                data = await reader.read(4096)
                if not data:
                    break
                got += data
    except ConnectionError:
        pass
    finally:
        writer.close()
    return got


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nx: ", b"GET / HTTP/1.1\r\n"])
async def test_a_head_without_end_is_cut_off(port: int, start: bytes) -> None:
    more = CHUNK if not start.endswith(b"\n") else b"x: y\r\n" * 3000
    got = await answer_to(port, start, *[more] * (HEAD_LIMIT // len(more) + 3))
    assert got == b"" or got.startswith(b"HTTP/1.1 400 ")


async def test_a_head_that_does_not_come_is_not_waited_for(port: int) -> None:
    assert await answer_to(port) == b""
    assert await answer_to(port, b"GET / HTTP/1.1\r\nhost: a\r\n") == b""


async def test_many_requests_on_one_connection_and_a_large_body_are_no_large_head(port: int) -> None:
    request = b"GET / HTTP/1.1\r\nhost: a\r\nx: " + CHUNK + b"\r\n\r\n"
    got = await answer_to(port, *[request] * 12, reads=12)
    assert got.count(b"HTTP/1.1 200 ") == 12
    body = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 160000\r\n\r\n"
    got = await answer_to(port, body, *[CHUNK] * 10)
    assert got.startswith(b"HTTP/1.1 200 ")


CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\nx: head\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_rfc9110_6_5_1_what_stands_behind_the_body_is_no_header(port: int) -> None:
    """No proxy looks through it: in a trailer anybody could say that they had shown a certificate."""
    for trailer in (b"x: forged\r\n", b"y: forged\r\n", b"x: forged\r\ny: forged\r\n"):
        got = await answer_to(port, CHUNKED + b"0\r\n" + trailer + b"\r\n" + CHUNKED + b"0\r\n\r\n", reads=2)
        assert got.count(b"HTTP/1.1 200 ") == 2
        assert got.count(b"told: x=head,\r\n") == 2


async def test_trailers_without_end_are_cut_off(port: int) -> None:
    for start in (b"0\r\nx: ", b"0\r\n", b"4\r\nbody\r\n0\r\nx: "):
        more = CHUNK if start.endswith(b" ") else b"x: y\r\n" * 3000
        got = await answer_to(port, CHUNKED + start, *[more] * 60)
        assert got == b""


async def test_a_body_in_many_chunks_is_no_long_trailer(port: int) -> None:
    got = await answer_to(port, CHUNKED, *[b"3e80\r\n" + CHUNK + b"\r\n"] * 12, b"0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 ")


class Recorded(asyncio.Transport):
    """What a transport is told to write, each time."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data) -> None:
        self.written.append(bytes(data))

    def writelines(self, list_of_data) -> None:
        self.written.append(b"".join(list_of_data))

    def close(self) -> None:
        self.closed = True


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


def test_head_and_body_of_an_answer_are_one_write() -> None:
    below = Recorded()
    answer = InOnePacket(below)
    for part in (HEAD, b"ok"):
        answer.write(part)
    assert below.written == [HEAD + b"ok"]


@pytest.mark.parametrize(
    "parts",
    [
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"5\r\n: ok\n\r\n", b"0\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n"],
    ],
)
def test_what_is_not_followed_at_once_is_not_held_back(parts: list[bytes]) -> None:
    below = Recorded()
    answer = InOnePacket(below)
    for number, part in enumerate(parts, 1):
        answer.write(part)
        assert below.written == parts[:number]


def test_a_body_in_parts_is_held_back_no_more_than_its_head() -> None:
    below = Recorded()
    answer = InOnePacket(below)
    for part in (HEAD, b"o", b"\r\ncontent-length: "):
        answer.write(part)
    assert below.written == [HEAD + b"o", b"\r\ncontent-length: "]


def test_a_head_without_its_body_leaves_before_the_connection_ends() -> None:
    below = Recorded()
    answer = InOnePacket(below)
    answer.write(HEAD)
    answer.close()
    assert below.written == [HEAD]
    assert below.closed


async def test_an_answer_to_head_has_no_body_and_is_not_held_back(port: int) -> None:
    got = await answer_to(port, b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 ")
    assert got.endswith(b"content-length: 2\r\n\r\n")


async def test_who_waits_for_leave_to_send_a_body_gets_it(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        writer.write(head)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"body")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert await reader.readexactly(2) == b"ok"
    writer.close()
