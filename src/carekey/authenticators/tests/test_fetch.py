"""The way out to addresses that the operator named, against a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from carekey.authenticators.fetch import NotFetched, fetch

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def answering(answer: bytes, *, then_wait: bool = False) -> AsyncIterator[str]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if then_wait:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/blob"


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


async def test_the_body_comes_as_it_is() -> None:
    async with answering(ok(b"blob")) as url:
        assert await fetch(url, limit=4, seconds=5) == b"blob"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ok(b"blobs"), "too large"),
        (b"HTTP/1.1 200 OK\r\n\r\nblobs", "too large"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "status 404"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n", "status 302"),
        (b"hello", "no answer"),
    ],
)
async def test_anything_else_is_refused(answer: bytes, why: str) -> None:
    async with answering(answer) as url:
        with pytest.raises(NotFetched, match=why):
            await fetch(url, limit=4, seconds=5)


async def test_it_waits_no_longer_than_it_may() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbl", then_wait=True) as url:
        with pytest.raises(NotFetched, match="too slow"):
            await fetch(url, limit=4, seconds=0.2)


async def test_nobody_there() -> None:
    async with answering(b"") as url:
        pass
    for address in (url, "https://[", url.replace("http:", "https:")):
        with pytest.raises(NotFetched, match="no answer"):
            await fetch(address, limit=4, seconds=5)
