"""The way out, against a real server on loopback."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from carekey.oidc import fetch
from carekey.oidc.fetch import SIZE_LIMIT, Fetcher, FetchFailed, Flaw, is_public

pytestmark = pytest.mark.anyio

Answer = Callable[[str], bytes | None]


@asynccontextmanager
async def server(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answers each request with the bytes that `answer` gives for its first line and headers; None hangs."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            raw = answer(head)
            if raw is None:
                await asyncio.sleep(3600)
            else:
                writer.write(raw)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with running:
        yield running.sockets[0].getsockname()[1]
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if "handle" in repr(task.get_coro()):
                task.cancel()


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()


def to(*addresses: str) -> Callable[[str, int], Awaitable[list]]:
    async def resolve(host: str, port: int) -> list:
        return [ip_address(address) for address in addresses]

    return resolve


async def flaw_of(fetcher: Fetcher, url: str) -> Flaw:
    with pytest.raises(FetchFailed) as failed:
        await fetcher.get(url)
    return failed.value.flaw


async def test_a_sandbox_may_fetch_from_loopback_by_plain_http() -> None:
    async with server(lambda head: ok(b'{"keys": []}')) as port:
        assert await Fetcher(private=True).get(f"http://localhost:{port}/jwks") == b'{"keys": []}'
        assert await Fetcher(private=True).get(f"http://127.0.0.1:{port}/jwks") == b'{"keys": []}'


async def test_the_server_sees_the_name_and_nothing_of_ours() -> None:
    heads: list[str] = []

    def answer(head: str) -> bytes:
        heads.append(head.lower())
        return ok(b"x", "set-cookie: a=b")

    async with server(answer) as port:
        fetcher = Fetcher(private=True, resolve=to("127.0.0.1"))
        for _ in range(2):
            await fetcher.get(f"http://ward.example:{port}/jwks?x=1")
    assert all(head.startswith("get /jwks?x=1 http/1.1") for head in heads)
    assert all(f"host: ward.example:{port}\r\n" in head for head in heads)
    assert not any("cookie" in head or "authorization" in head for head in heads)


@pytest.mark.parametrize(
    "url",
    [
        *("http://ward.example/jwks", "ftp://ward.example/", "file:///etc/passwd", "https:///jwks", "jwks", ""),
        *("https://user:pass@ward.example/", "gopher://ward.example"),
    ],
)
async def test_only_https_leaves_a_real_issuer(url: str) -> None:
    assert await flaw_of(Fetcher(private=False, resolve=to("93.184.216.34")), url) is Flaw.BAD_ADDRESS


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
        ),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::"),
        "64:ff9b:1::7f00:1",
        "fec0::1",
        "::127.0.0.1",
        "5f00::1",
        "192.0.0.8",
    ],
)
async def test_no_name_leads_into_private_ranges(address: str) -> None:
    assert not is_public(ip_address(address))
    assert await flaw_of(Fetcher(private=False, resolve=to(address)), "https://ward.example/") is Flaw.FORBIDDEN_ADDRESS


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


async def test_addresses_written_as_numbers_are_checked_like_names() -> None:
    for host in ("127.0.0.1", "[::1]", "localhost", "2130706433", "0x7f.1", "127.1"):
        flaw = await flaw_of(Fetcher(private=False), f"https://{host}/jwks")
        assert flaw in {Flaw.FORBIDDEN_ADDRESS, Flaw.NOT_FOUND}, host


async def test_a_redirect_is_followed_and_checked_again() -> None:
    def answer(head: str) -> bytes:
        return ok(b"there") if head.startswith("GET /there") else redirect("/there")

    async with server(answer) as port:
        assert await Fetcher(private=True).get(f"http://127.0.0.1:{port}/here") == b"there"


async def test_a_redirect_into_a_private_range_is_refused(tmp_path: Path) -> None:
    context, trust = certificate(tmp_path)
    for location in ("https://127.0.0.1/", "http://ward.example/", "https://inside.example/"):
        async with server(lambda head, location=location: redirect(location), context) as port:

            async def resolve(host: str, port: int) -> list:
                return [ip_address("127.0.0.1" if host == "ward.example" else "10.0.0.1")]

            fetcher = Fetcher(private=False, resolve=resolve, trust=trust)
            # The first hop stands for a public server: let its address, and it alone, count as public.
            fetcher._addresses = allowing_first(fetcher._addresses)
            flaw = await flaw_of(fetcher, f"https://ward.example:{port}/")
            assert flaw in {Flaw.FORBIDDEN_ADDRESS, Flaw.BAD_ADDRESS}, location


def allowing_first(checked):
    first = True

    async def addresses(target):
        nonlocal first
        if first:
            first = False
            return [ip_address("127.0.0.1")]
        return await checked(target)

    return addresses


async def test_redirects_end() -> None:
    async with server(lambda head: redirect("/again")) as port:
        assert await flaw_of(Fetcher(private=True), f"http://127.0.0.1:{port}/") is Flaw.TOO_MANY_REDIRECTS


@pytest.mark.parametrize(
    ("raw", "flaw"),
    [
        (ok(b"a" * (SIZE_LIMIT + 1)), Flaw.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"a" * (SIZE_LIMIT + 1), Flaw.TOO_LARGE),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", Flaw.STATUS),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Flaw.STATUS),
        (ok(b"x", "content-encoding: gzip"), Flaw.ENCODED),
        (b"nonsense\r\n\r\n", Flaw.NO_ANSWER),
        (b"", Flaw.NO_ANSWER),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", Flaw.NO_ANSWER),
        (redirect("http://[/"), Flaw.NOT_FOUND),
    ],
)
async def test_odd_answers(raw: bytes, flaw: Flaw) -> None:
    async with server(lambda head: raw) as port:
        assert await flaw_of(Fetcher(private=True), f"http://127.0.0.1:{port}/") is flaw


async def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIME_LIMIT", 0.05)
    async with server(lambda head: None) as port:
        assert await flaw_of(Fetcher(private=True), f"http://127.0.0.1:{port}/") is Flaw.TOO_SLOW


async def test_each_address_of_a_name_is_tried() -> None:
    async with server(lambda head: ok(b"x")) as port:
        fetcher = Fetcher(private=True, resolve=to("::1", "127.0.0.9", "127.0.0.1"))
        assert await fetcher.get(f"http://localhost:{port}/jwks") == b"x"


async def test_a_port_where_nobody_listens() -> None:
    async with server(lambda head: b"") as port:
        pass
    assert await flaw_of(Fetcher(private=True), f"http://127.0.0.1:{port}/") is Flaw.NO_ANSWER


async def test_a_name_that_is_not_found() -> None:
    async def resolve(host: str, port: int) -> list:
        raise OSError

    assert await flaw_of(Fetcher(private=True, resolve=resolve), "https://nowhere.example/") is Flaw.NOT_FOUND
    assert await flaw_of(Fetcher(private=True, resolve=to()), "https://nowhere.example/") is Flaw.NOT_FOUND


@pytest.mark.parametrize("status", [200, 204, 302, 400, 500, 501])
async def test_a_post_tells_the_status_and_nothing_else(status: int) -> None:
    heads: list[str] = []

    def answer(head: str) -> bytes:
        heads.append(head)
        return f"HTTP/1.1 {status} So\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".encode()

    async with server(answer) as port:
        fetcher = Fetcher(private=True, resolve=to("127.0.0.1"))
        assert await fetcher.post(f"http://ward.example:{port}/logout?x=1", {"logout_token": "a.b.c"}) == status
    (head,) = heads  # a redirect is not followed
    assert head.startswith("POST /logout?x=1 HTTP/1.1")
    assert f"host: ward.example:{port}\r\n" in head.lower()
    assert "content-type: application/x-www-form-urlencoded\r\n" in head.lower()


async def test_a_post_to_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIME_LIMIT", 0.05)
    async with server(lambda head: None) as port:
        with pytest.raises(FetchFailed) as failed:
            await Fetcher(private=True).post(f"http://127.0.0.1:{port}/", {})
    assert failed.value.flaw is Flaw.TOO_SLOW


async def test_of_an_endless_answer_to_a_post_nothing_is_read() -> None:
    endless = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n" + b"a" * 100_000
    async with server(lambda head: endless) as port:
        assert await Fetcher(private=True).post(f"http://127.0.0.1:{port}/", {}) == 200


async def test_a_post_goes_to_no_private_address() -> None:
    with pytest.raises(FetchFailed) as failed:
        await Fetcher(private=False, resolve=to("10.0.0.1")).post("https://ward.example/logout", {})
    assert failed.value.flaw is Flaw.FORBIDDEN_ADDRESS


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for ward.example, and one that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ward.example")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("ward.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    pem.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context, ssl.create_default_context(cafile=str(pem))


async def test_the_certificate_is_checked_against_the_name_not_the_address(tmp_path: Path) -> None:
    context, trust = certificate(tmp_path)
    async with server(lambda head: ok(b"keys"), context) as port:
        fetcher = Fetcher(private=True, resolve=to("127.0.0.1"), trust=trust)
        assert await fetcher.get(f"https://ward.example:{port}/") == b"keys"
        assert await flaw_of(fetcher, f"https://other.example:{port}/") is Flaw.NO_ANSWER
        untrusting = Fetcher(private=True, resolve=to("127.0.0.1"))
        assert await flaw_of(untrusting, f"https://ward.example:{port}/") is Flaw.NO_ANSWER


async def test_posts_to_one_address_share_a_connection_and_no_cookie() -> None:
    connections: list[list[str]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads: list[str] = []
        connections.append(heads)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode().lower():
                heads.append(head)
                await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
                writer.write(b"HTTP/1.1 200 OK\r\nset-cookie: follow=me\r\ncontent-length: 2\r\n\r\nok")
        except asyncio.IncompleteReadError:
            writer.close()

    running = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with running:
        port = running.sockets[0].getsockname()[1]
        async with Fetcher(private=True).posting(f"http://127.0.0.1:{port}/") as post:
            assert [await post({"a": "b"}) for _ in range(3)] == [200, 200, 200]
        await asyncio.sleep(0.05)
    (heads,) = connections
    assert len(heads) == 3
    assert not any("cookie:" in head for head in heads)


async def test_rfc9112_9_3_1_a_kept_connection_that_its_server_gives_up_is_replaced():
    answered: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"a=1")
        answered.append("yes")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        with suppress(asyncio.IncompleteReadError):
            await reader.readexactly(1)  # the next request, which it closes upon
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        async with Fetcher(private=True).posting(f"http://127.0.0.1:{port}/") as post:
            assert [await post({"a": "1"}) for _ in range(2)] == [200, 200]
    assert len(answered) == 2


async def test_a_server_that_always_hangs_up_is_asked_twice_at_most():
    asked = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"a=1")
        asked += 1
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        async with Fetcher(private=True).posting(f"http://127.0.0.1:{port}/") as post:
            with pytest.raises(FetchFailed) as failed:
                await post({"a": "1"})
    assert failed.value.flaw is Flaw.NO_ANSWER
    assert asked == 2
