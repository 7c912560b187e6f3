"""A browser without a screen: one connection, cookies, and no more HTTP than the two servers speak."""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit


class UnexpectedAnswerError(Exception):
    """The server did not answer as the journey needs; measuring on would measure nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in lower case; of those that came twice the last. Cookies are in the browser."""
    body: bytes

    def expect(self, status: int) -> "Answer":
        if self.status != status:
            raise UnexpectedAnswerError(f"{self.status} instead of {status}: {self.body[:400]!r}")
        return self

    @property
    def location(self) -> str:
        return self.headers["location"]


@dataclass(slots=True)
class Browser:
    """One keep-alive connection to one server. Close it when done."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    always: dict[str, str] = field(default_factory=dict)
    """Headers of every request."""
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def get(self, target: str, **headers: str) -> Answer:
        return await self.send("GET", target, headers=headers)

    async def post(self, target: str, form: dict[str, str], **headers: str) -> Answer:
        return await self.send("POST", target, body=urlencode(form).encode(), headers=headers)

    async def send(self, method: str, target: str, *, body: bytes = b"", headers: dict[str, str]) -> Answer:
        # Servers hang up on connections that were idle while others were measured.
        if self._reader is None or self._writer is None or self._reader.at_eof():
            await self.aclose()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"{method} {self._path(target)} HTTP/1.1", f"host: localhost:{self.port}"]
        lines += [f"{name}: {value}" for name, value in (self.always | headers).items()]
        if self.cookies:
            lines.append("cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if method == "POST":
            lines += ["content-type: application/x-www-form-urlencoded", f"content-length: {len(body)}"]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.requests += 1
        return await self._answer(self._reader)

    async def aclose(self) -> None:
        if self._writer is not None:
            self._writer.close()
            await self._writer.wait_closed()

    def _path(self, target: str) -> str:
        """A path, or an address of this server."""
        if target.startswith("/"):
            return target
        parts = urlsplit(target)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in head[1:-2]:
            name, _, value = line.partition(":")
            if name.lower() == "set-cookie":
                self._keep(value.strip())
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            body = await _chunks(reader)
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(head[0].split(" ", 2)[1]), headers, body)

    def _keep(self, cookie: str) -> None:
        pair, *attributes = cookie.split(";")
        name, _, value = pair.partition("=")
        gone = any(
            each.strip().lower() in {"max-age=0", "expires=thu, 01 jan 1970 00:00:00 gmt"} for each in attributes
        )
        if gone or not value:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body
