"""Logs: a line of JSON for each event, on stderr.

Of a fault it is said what kind it was and where, not with what: messages and local variables hold codes, passwords
and people. structlog's own default prints every local variable of every frame.
"""

import sys
import time
import traceback
from typing import Any, TextIO

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.types import EventDict, WrappedLogger


def set_up(stream: TextIO | None = None) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _faults,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
    )


def _faults(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if event.pop("exc_info", False):
        event["faults"] = [_described(error) for error in _chain(sys.exception())]
    return event


def _chain(error: BaseException | None) -> list[BaseException]:
    """The fault and those that led to it."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _described(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "kind": type(error).__qualname__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


class RequestLog:
    """A line for each request: method, route, status and how long it took. Never an address, a query or a name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._app(scope, receive, noting)
        self._log.info(
            "request",
            method=scope["method"],
            # An unknown path may hold anything.
            route=scope.get("route", scope["path"]) if status != 404 else "unknown",
            status=status,
            ms=round((time.perf_counter() - began) * 1000, 1),
        )
