"""Nothing secret or personal in logs: what went wrong and where, never with what."""

import io
import json
from collections.abc import Iterator

import pytest
import structlog
from starlette.types import Message, Receive, Scope, Send

from carekey.app import logs

PASSWORD = "correct horse " + "battery staple"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logs.set_up(stream)
    yield stream
    structlog.reset_defaults()


def fail(client_secret: str) -> None:
    try:
        raise KeyError(client_secret)
    except KeyError as error:
        raise ValueError(f"no such thing as {client_secret}") from error


def test_a_fault_is_logged_without_the_values_that_it_happened_with(written: io.StringIO) -> None:
    try:
        fail(PASSWORD)
    except ValueError:
        structlog.get_logger().exception("request:failed", reference="ABCD2345", kind="ValueError")
    (line,) = written.getvalue().splitlines()
    assert PASSWORD not in line
    logged = json.loads(line)
    assert (logged["event"], logged["reference"], logged["level"]) == ("request:failed", "ABCD2345", "error")
    kinds = [one["kind"] for one in logged["faults"]]
    assert kinds == ["ValueError", "KeyError"]
    assert any("test_logs.py" in frame and frame.endswith(" fail") for frame in logged["faults"][0]["frames"])


@pytest.mark.anyio
async def test_a_request_is_logged_without_what_is_somebodys(written: io.StringIO) -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        scope["route"] = "/register/{token}"
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(_message: Message) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/register/s3cr3t", "query_string": b"state=s3cr3t"}
    await logs.RequestLog(app)(scope, None, send)
    logged = json.loads(written.getvalue())
    assert (logged["method"], logged["route"], logged["status"]) == ("GET", "/register/{token}", 200)
    assert "s3cr3t" not in written.getvalue()
