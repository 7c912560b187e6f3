"""The only way out to addresses that a client chose (architecture.md section 6).

Bounded in size, time and redirects. The name is looked up first and the connection goes to the address that was
checked, so that a name which changes its mind in between (DNS rebinding) gains nothing. Loopback, private and
link-local ranges and plain http are refused unless the issuer is a sandbox. No proxy settings are taken from the
environment, no cookies kept, no credentials sent.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from http.cookiejar import DefaultCookiePolicy
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import SOCK_STREAM

import httpx2

SIZE_LIMIT = 256 * 1024
"""Bytes."""
TIME_LIMIT = 5.0
"""Seconds, for everything: looking up, connecting, redirects, reading."""
REDIRECT_LIMIT = 2

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[Address]]]
Post = Callable[[Mapping[str, str]], Awaitable[int]]
"""Sends a form; the status of the answer. Raises: FetchFailed."""

_NAT64 = ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ip_network("2000::/3")
"""All that IANA has given out of IPv6. Some Pythons call the rest global: 64:ff9b:1::/48 leads to any IPv4 address."""
_PROTOCOL_ASSIGNMENTS = ip_network("192.0.0.0/24")


class Flaw(StrEnum):
    BAD_ADDRESS = "bad_address"
    NOT_FOUND = "not_found"
    FORBIDDEN_ADDRESS = "forbidden_address"
    NO_ANSWER = "no_answer"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    STATUS = "status"
    ENCODED = "encoded"


class FetchFailed(Exception):
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.value)
        self.flaw = flaw


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet's, whatever it is wrapped in."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    elif address in _PROTOCOL_ASSIGNMENTS:
        return False
    return address.is_global and not address.is_multicast


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a name, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return [ip_address(sockaddr[0].partition("%")[0]) for *_, sockaddr in found if isinstance(sockaddr[0], str)]


class Fetcher:
    def __init__(self, *, private: bool, resolve: Resolve = resolve, trust: ssl.SSLContext | None = None) -> None:
        """`private`: `Issuer.private_fetches`. `trust`: certificate authorities, the system's by default."""
        self._private = private
        self._resolve = resolve
        self._trust = trust

    async def get(self, url: str) -> bytes:
        """The body of a 200 answer. Raises: FetchFailed."""
        async with _bounded(), self._client() as client:
            for _ in range(REDIRECT_LIMIT + 1):
                async with self._asked(client, "GET", url) as response:
                    if not response.has_redirect_location:
                        return await _body(response)
                    url = str(httpx2.URL(url).join(response.headers["location"]))
        raise FetchFailed(Flaw.TOO_MANY_REDIRECTS)

    async def post(self, url: str, form: Mapping[str, str]) -> int:
        """Send one form; the status of the answer. Raises: FetchFailed."""
        async with self.posting(url) as post:
            return await post(form)

    async def notify(self, url: str, body: bytes, *, bearer: str) -> int:
        """Send JSON once, with a bearer token; the status of the answer, as with `posting`. Raises: FetchFailed."""
        return await self.send(url, body, {"content-type": "application/json", "authorization": f"Bearer {bearer}"})

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send this once; the status of the answer, as with `posting`. Raises: FetchFailed."""
        async with (
            _bounded(),
            self._client() as client,
            self._asked(client, "POST", url, content=body, headers=headers) as response,
        ):
            return response.status_code

    @asynccontextmanager
    async def posting(self, url: str) -> AsyncIterator[Post]:
        """Sends forms to one address, over connections that are kept in between: half of a post's cost is connecting.

        The answer's body counts for nothing, and a redirect is an answer like any other: what was posted is for this
        address alone. It may arrive twice. Each post raises FetchFailed."""
        async with self._client() as client:

            async def once(form: Mapping[str, str]) -> int:
                async with self._asked(client, "POST", url, form) as response:
                    await _finish_short(response)
                    return response.status_code

            async def post(form: Mapping[str, str]) -> int:
                async with _bounded():
                    try:
                        return await once(form)
                    except _CUT_OFF:  # as a server may do with a connection that it has kept (RFC 9112 section 9.3.1)
                        return await once(form)

            yield post

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx2.AsyncClient]:
        """One for each fetch, or each address that is posted to: no cookie and no connection is left behind."""
        if self._trust is None:
            self._trust = await asyncio.to_thread(ssl.create_default_context)
        async with httpx2.AsyncClient(
            verify=self._trust, trust_env=False, timeout=TIME_LIMIT, headers=_HEADERS
        ) as client:
            client.cookies.jar.set_policy(_NO_COOKIES)
            yield client

    @asynccontextmanager
    async def _asked(
        self,
        client: httpx2.AsyncClient,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx2.Response]:
        """The answer, its body yet to come."""
        response = await self._answer(client, method, url, form, content, headers or {})
        try:
            yield response
        finally:
            await response.aclose()

    async def _answer(
        self,
        client: httpx2.AsyncClient,
        method: str,
        url: str,
        form: Mapping[str, str] | None,
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> httpx2.Response:
        target = self._parsed(url)

        async def at(address: Address) -> httpx2.Response:
            request = client.build_request(
                method,
                target.copy_with(host=str(address)),
                data=form,
                content=content,
                headers={**headers, "host": target.netloc.decode("ascii")},
                # The certificate is checked against the name, not the address.
                extensions={"sni_hostname": target.host},
            )
            return await client.send(request, stream=True)

        *others, last = await self._addresses(target)
        for address in others:  # `localhost` is often ::1 first, and the server on 127.0.0.1 alone
            with suppress(httpx2.ConnectError):
                return await at(address)
        return await at(last)

    def _parsed(self, url: str) -> httpx2.URL:
        target = httpx2.URL(url)
        schemes = {"https", "http"} if self._private else {"https"}
        if target.scheme not in schemes or not target.host or target.userinfo:
            raise FetchFailed(Flaw.BAD_ADDRESS)
        return target

    async def _addresses(self, target: httpx2.URL) -> list[Address]:
        """At least one, all allowed. Raises: FetchFailed."""
        port = target.port or (443 if target.scheme == "https" else 80)
        try:
            addresses = await self._resolve(target.host, port)
        except (OSError, UnicodeError):
            raise FetchFailed(Flaw.NOT_FOUND) from None
        if not addresses:
            raise FetchFailed(Flaw.NOT_FOUND)
        allowed = [address for address in addresses if self._private or is_public(address)]
        if not allowed:
            raise FetchFailed(Flaw.FORBIDDEN_ADDRESS)
        return allowed


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    """In time, or not at all. Raises: FetchFailed."""
    try:
        async with asyncio.timeout(TIME_LIMIT):
            yield
    except (TimeoutError, httpx2.TimeoutException):
        raise FetchFailed(Flaw.TOO_SLOW) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
        raise FetchFailed(Flaw.NO_ANSWER) from None


async def _finish_short(response: httpx2.Response) -> None:
    """Read a body that says it is short, so that its connection can be used again. Any other is cut off, and one that
    does not come is not waited for: the status has been heard."""
    if response.headers.get("content-length", "").isdigit() and int(response.headers["content-length"]) <= _SHORT:
        with suppress(TimeoutError, httpx2.HTTPError):
            async with asyncio.timeout(_SHORTLY):
                async for _ in response.aiter_raw():
                    pass


_CUT_OFF = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)
_SHORT = 4096
"""Bytes."""
_SHORTLY = 0.1
"""Seconds."""
_NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])
_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "CareKey"}


async def _body(response: httpx2.Response) -> bytes:
    """Raises: FetchFailed."""
    if response.status_code != 200:
        raise FetchFailed(Flaw.STATUS)
    if response.headers.get("content-encoding", "identity") != "identity":
        raise FetchFailed(Flaw.ENCODED)
    return await _limited(response)


async def _limited(response: httpx2.Response) -> bytes:
    """Raises: FetchFailed, before the rest is read."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > SIZE_LIMIT:
            raise FetchFailed(Flaw.TOO_LARGE)
    return bytes(body)
