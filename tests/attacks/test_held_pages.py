"""Pages that wait, over real sockets: what is kept of each, and that none is kept longer than it lasts."""

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from carekey.app.protocol import BoundedHttp
from carekey.authenticators.phone import waiting
from carekey.authenticators.phone.waiting import Held, Watch, stream
from carekey.oidc.tests.test_fetch import certificate
from support.processes import free_port, running

pytestmark = pytest.mark.anyio

END = b"0\r\n\r\n"


@dataclass
class Server:
    states: dict[str, str] = field(default_factory=dict)
    seconds: float = 60
    port: int = 0
    trust: ssl.SSLContext | None = None
    running: uvicorn.Server | None = None

    pages: list["Page"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = Watch(self.look)

    async def look(self) -> Mapping[str, str]:
        return dict(self.states)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        response = stream(
            self.watch, scope["path"], known="waiting", until=lambda state: state != "opened", seconds=self.seconds
        )
        await response(scope, receive, send)

    def becomes(self, path: str, state: str) -> None:
        self.states[path] = state
        self.watch.wake()

    async def page(self, path: str, *more: bytes, at: int = 0) -> "Page":
        name = "ward.example" if self.trust else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", at or self.port, ssl=self.trust, server_hostname=name
        )
        request = b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode()
        writer.write(b"".join((request, *more)))
        page = Page(reader, writer)
        self.pages.append(page)
        page.head = await page.hears(b"\r\n\r\n")
        await page.hears(b": waiting\n\n")
        return page

    async def keeps(self, count: int) -> None:
        """Waits until so many pages are held and no task is left that answers them."""
        assert self.running is not None
        async with asyncio.timeout(10):
            while sum(map(len, self.watch._held.values())) != count or self.running.server_state.tasks:  # noqa: ASYNC110 (what is kept has no event)
                await asyncio.sleep(0.01)

    async def forgets(self, path: str) -> None:
        async with asyncio.timeout(10):
            while path in self.watch._held or path in self.watch._waiting:  # noqa: ASYNC110 (as above)
                await asyncio.sleep(0.01)


@dataclass
class Page:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes = b""

    async def hears(self, said: bytes) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readuntil(said)

    async def rest(self) -> bytes:
        """Until the server closes."""
        async with asyncio.timeout(10):
            return await self.reader.read()


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The server that is installed runs on uvloop."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setattr(waiting, "LOOK_EVERY", 0.05)
    async with serving() as its:
        yield its


@asynccontextmanager
async def serving(trust: ssl.SSLContext | None = None, **tls: Path) -> AsyncIterator[Server]:
    its = Server(port=free_port(), trust=trust)
    config = uvicorn.Config(
        its, port=its.port, http=BoundedHttp, lifespan="off", log_config=None, ws="none", loop="none", **tls
    )
    its.running = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(its.running._serve())
        while not its.running.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        yield its
        for page in its.pages:
            page.writer.transport.abort()
        its.running.should_exit = True
        await serving


async def test_a_page_is_held_without_a_task_told_and_ended(server: Server) -> None:
    page, other = await server.page("/a"), await server.page("/b")
    await server.keeps(2)
    server.becomes("/a", "opened")
    assert await page.hears(b"data: opened\n\n\r\n") == b"\r\ne\r\ndata: opened\n\n\r\n"
    server.becomes("/a", "approved")
    assert await page.rest() == b"10\r\ndata: approved\n\n\r\n" + END
    await server.keeps(1)
    server.becomes("/b", "refused")
    assert (await other.rest()).endswith(b"data: refused\n\n\r\n" + END)
    await server.keeps(0)
    assert server.running is not None
    assert not server.running.server_state.connections


async def test_nothing_of_the_request_is_kept(server: Server) -> None:
    pages = [await server.page(f"/{number}") for number in range(20)]
    await server.keeps(20)
    gc.collect()
    kept = [type(one) for one in gc.get_objects() if isinstance(one, Held | BoundedHttp | RequestResponseCycle)]
    assert kept == [Held] * 20
    for page in pages:
        page.writer.close()
    await server.keeps(0)


async def test_a_page_that_was_closed_is_forgotten_at_once(server: Server) -> None:
    page = await server.page("/a")
    await server.keeps(1)
    page.writer.close()
    await server.keeps(0)


async def test_a_page_runs_out_and_says_now_and_then_that_it_waits(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SAY_SOMETHING_EVERY", 0.1)
    server.seconds = 0.5
    page = await server.page("/a")
    said = await page.rest()
    assert b"11\r\n: still waiting\n\n\r\n" in said
    assert said.endswith(b"data: expired\n\n\r\n" + END)
    await server.keeps(0)


async def test_what_else_a_page_sends_is_not_read_as_a_request(server: Server) -> None:
    page = await server.page("/a")
    await server.keeps(1)
    page.writer.write(b"GET /b HTTP/1.1\r\nhost: x\r\n\r\n" * 1000)
    server.becomes("/a", "approved")
    said = await page.rest()
    assert said.count(b"HTTP/1.1") == 0
    assert said.endswith(END)


async def test_a_request_that_waits_behind_a_page_is_still_answered(server: Server) -> None:
    """Pipelined (RFC 9112 section 9.3.2): then the page is not let go."""
    page = await server.page("/a", b"GET /b HTTP/1.1\r\nhost: x\r\n\r\n")
    server.becomes("/a", "approved")
    server.becomes("/b", "refused")
    said = await page.hears(b"data: refused\n\n\r\n")
    assert said.count(b"HTTP/1.1 200") == 1
    page.writer.close()


async def test_rfc9112_9_6_a_page_that_is_let_go_says_that_its_connection_ends(server: Server) -> None:
    """Or a proxy that keeps its connections sends the next request, which may be anybody's, into one that closes."""
    page = await server.page("/a")
    await server.keeps(1)
    assert b"\r\nconnection: close\r\n" in page.head
    shared = await server.page("/b", b"GET /c HTTP/1.1\r\nhost: x\r\n\r\n")
    assert b"\r\nconnection:" not in shared.head, "another request waits on it"
    for path in ("/b", "/c"):
        server.becomes(path, "approved")
        await shared.hears(b"data: approved\n\n")


async def test_a_request_that_was_begun_behind_a_page_keeps_nothing_and_ends_nothing(server: Server) -> None:
    """The clock of a head that never comes to its end would end the page, and keep all of the request until then."""
    await server.page("/a", b"GET /b HTTP/1.1\r\nhost")
    await server.keeps(1)
    gc.collect()
    kept = [type(one) for one in gc.get_objects() if isinstance(one, Held | BoundedHttp | RequestResponseCycle)]
    assert kept == [Held]


async def test_a_body_that_nobody_asked_for_hides_no_page_that_was_closed(server: Server) -> None:
    """So much of it that the server stops reading, and so would not see the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    size = 66 * 1024
    writer.write(b"GET /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
    page = Page(reader, writer)
    await page.hears(b": waiting\n\n")
    server.becomes("/a", "opened")
    await page.hears(b"data: opened\n\n")
    page.writer.close()
    await server.forgets("/a")


async def test_a_page_that_does_not_read_fills_no_memory(server: Server) -> None:
    page = await server.page("/a")
    await server.keeps(1)
    [held] = server.watch._held["/a"]
    page.reader._transport.pause_reading()  # type: ignore[attr-defined]  # the stream has no call for it
    for _ in range(100_000):
        if held._transport.is_closing():
            break
        held._say(b"x" * 4096)
    assert held._transport.is_closing()
    await server.keeps(0)


async def test_the_server_stops_though_pages_wait(server: Server) -> None:
    page = await server.page("/a")
    await server.keeps(1)
    assert server.running is not None
    server.running.should_exit = True
    assert (await page.rest()).endswith(END)
    await server.keeps(0)


async def test_over_tls_a_page_is_held_told_and_ended_and_one_that_does_not_read_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOOK_EVERY", 0.05)
    _, trust = certificate(tmp_path)
    pem = tmp_path / "certificate.pem"
    async with serving(trust, ssl_certfile=pem, ssl_keyfile=pem) as server:
        page, gone, deaf = [await server.page(path) for path in ("/a", "/gone", "/deaf")]
        await server.keeps(3)
        gone.writer.close()
        await server.forgets("/gone")
        server.becomes("/a", "approved")
        assert await page.rest() == b"\r\n10\r\ndata: approved\n\n\r\n" + END
        [held] = server.watch._held["/deaf"]
        deaf.reader._transport.pause_reading()  # type: ignore[attr-defined]  # the stream has no call for it
        for _ in range(100_000):
            if held._transport.is_closing():
                break
            held._say(b"x" * 4096)
        assert held._transport.is_closing()
        await server.forgets("/deaf")


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
  uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
  upstream carekey {{ server 127.0.0.1:{behind}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://carekey; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


async def test_behind_a_proxy_that_keeps_its_connections(server: Server, tmp_path: Path) -> None:
    """A page hears through it, its end reaches us, and no other request lands in the connection of a page that ended."""
    port, file = free_port(), tmp_path / "nginx.conf"
    file.write_text(NGINX.format(folder=tmp_path, behind=server.port, port=port))

    def listens() -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) == 0

    command = ["/usr/sbin/nginx", "-p", tmp_path, "-e", tmp_path / "error.log", "-c", file]
    with running(command, answers=listens, log=tmp_path / "nginx.log"):
        closed = await server.page("/closed", at=port)
        closed.writer.close()
        await server.forgets("/closed")
        for number in range(50):
            page = await server.page(f"/{number}", at=port)
            server.becomes(f"/{number}", "approved")
            await page.hears(b"data: approved\n\n")
        assert (tmp_path / "error.log").read_text() == ""
