"""Asking whether something has changed, of a real server (RFC 9110 section 13)."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from carekey.authenticators.fetch import Fetched, NotFetched, fetch, fetch_if_changed

pytestmark = pytest.mark.anyio
DATE = "Sun, 01 Nov 2026 08:00:00 GMT"


@dataclass
class Served:
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    status: int = 200


@pytest.fixture
def served() -> Iterator[Served]:
    told = Served()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = {name.lower(): value for name, value in self.headers.items() if name.lower().startswith("if-")}
            told.asked.append(asked)
            current = {told.headers.get("ETag"), told.headers.get("Last-Modified")}
            unchanged = bool(asked) and set(asked.values()) <= current
            self.send_response(304 if unchanged else told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if not unchanged:
                self.wfile.write(b"list")

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    told.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


async def again(served: Served, validators: dict[str, str]) -> Fetched | None:
    return await fetch_if_changed(served.url, limit=100, seconds=5, validators=validators)


@pytest.mark.parametrize(
    ("headers", "asks"),
    [
        ({"ETag": '"1"', "Last-Modified": DATE}, {"if-none-match": '"1"'}),
        ({"Last-Modified": DATE}, {"if-modified-since": DATE}),
    ],
)
async def test_rfc9110_13_1_what_has_not_changed_is_not_sent_again(served, headers, asks) -> None:
    served.headers = headers
    first = await again(served, {})
    assert first == Fetched(body=b"list", validators=asks)
    assert await again(served, first.validators) is None
    assert served.asked == [{}, asks]
    served.headers = {"ETag": '"2"', "Last-Modified": "Mon, 02 Nov 2026 08:00:00 GMT"}
    assert await again(served, first.validators) == Fetched(body=b"list", validators={"if-none-match": '"2"'})


async def test_a_server_without_validators_is_asked_for_the_whole(served) -> None:
    assert await again(served, {}) == Fetched(body=b"list")


async def test_unchanged_is_no_answer_to_who_has_nothing(served) -> None:
    served.status = 304
    with pytest.raises(NotFetched, match="304"):
        await again(served, {})
    with pytest.raises(NotFetched, match="304"):
        await fetch(served.url, limit=100, seconds=5)
