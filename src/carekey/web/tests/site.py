"""A site and a client for tests of pages: everything but the network."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

from starlette.types import Message

from carekey.web.cookies import Cookies
from carekey.web.dispatcher import Dispatcher
from carekey.web.kit import Route, Site
from carekey.web.templating import Pages
from carekey.web.zones import Zones

ORIGIN = "https://id.example"
NOW = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)


@dataclass
class FixedClock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


class CountedEntropy:
    """Bytes that differ from call to call and are the same in every run."""

    def __init__(self) -> None:
        self._calls = 0

    def bytes(self, count: int) -> bytes:
        self._calls += 1
        return (self._calls.to_bytes(4) * (count // 4 + 1))[:count]


def site(
    folders: Mapping[str, Path] | None = None, *, secure: bool = True, port: int = 443, banner: str | None = None
) -> Site:
    return Site(
        origins=frozenset({ORIGIN if secure else f"http://localhost:{port}"}),
        secure=secure,
        csrf_key=b"k" * 32,
        cookies=Cookies(secure=secure, port=port),
        zones=Zones({"hscn": [ip_network("10.0.0.0/8")]}, proxies=[ip_network("192.0.2.0/24")]),
        pages=Pages(folders or {}, service="CareKey", banner=banner),
        clock=FixedClock(),
        entropy=CountedEntropy(),
    )


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for known, value in self.headers if known == name]
        assert len(found) < 2, f"{name} came twice"
        return found[0] if found else None

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Browser:
    """Sends requests straight into an ASGI application, malformed ones too."""

    app: Dispatcher
    peer: str = "203.0.113.9"

    @classmethod
    def of(cls, *routes: Route, at: Site | None = None, peer: str = "203.0.113.9") -> "Browser":
        return cls(Dispatcher(routes, at or site()), peer)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: bytes = b"",
        headers: Iterable[tuple[bytes, bytes]] = (),
        body: Iterable[bytes] = (),
        hangs_up: bool = False,
    ) -> Answer | None:
        """None if the application answered nothing. `hangs_up`: the body breaks off."""
        chunks = list(body)
        sent: list[Message] = []

        async def receive() -> Message:
            if chunks:
                return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks) or hangs_up}
            return {"type": "http.disconnect"} if hangs_up else {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": list(headers),
            "client": (self.peer, 50000),
            "asgi": {"version": "3.0", "spec_version": "2.4"},
        }
        await self.app(scope, receive, send)
        if not sent:
            return None
        return Answer(
            status=sent[0]["status"],
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]],
            body=b"".join(message.get("body", b"") for message in sent[1:]),
        )

    async def get(self, path: str, *, query: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
        answer = await self.ask("GET", path, query=query, headers=headers)
        assert answer is not None
        return answer

    async def post(self, path: str, form: bytes, *, headers: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
        sent = [(b"content-type", b"application/x-www-form-urlencoded"), *headers]
        answer = await self.ask("POST", path, headers=sent, body=[form])
        assert answer is not None
        return answer
