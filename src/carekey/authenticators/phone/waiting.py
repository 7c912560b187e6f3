"""Pages that wait for a phone: server-sent events (HTML section 9.2).

One question to the store a second answers everybody who waits at this worker; while nobody waits there is none.
Another worker's change is seen at the next question, this worker's own at once.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress

import structlog
from starlette.responses import StreamingResponse

from carekey.web import headers
from carekey.web.kit import Response

LOOK_EVERY = 1.0
"""Seconds."""
SAY_SOMETHING_EVERY = 20
"""Looks without news after which a comment keeps proxies from closing the connection."""

Look = Callable[[], Awaitable[Mapping[str, str]]]
"""The states of whatever has one worth telling, by the key that is waited for."""

log = structlog.get_logger()


class Watch:
    def __init__(self, look: Look) -> None:
        self._look = look
        self._states: Mapping[str, str] = {}
        self._waiting = 0
        self._looked = asyncio.Event()
        self._hurry = asyncio.Event()
        self._looker: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something has changed here: look now."""
        self._hurry.set()

    async def news(self, key: str, *, known: str) -> AsyncGenerator[str, None]:
        """Each state of this key that differs from the one before; an empty text now and then."""
        self._waiting += 1
        if self._looker is None or self._looker.done():
            self._looker = asyncio.create_task(self._keep_looking())
        quiet = 0
        try:
            while True:
                await self._looked.wait()
                state = self._states.get(key, known)
                quiet = 0 if state != known else quiet + 1
                if state != known or quiet >= SAY_SOMETHING_EVERY:
                    quiet = 0
                    yield "" if state == known else state
                    known = state
        finally:
            self._waiting -= 1

    async def _keep_looking(self) -> None:
        while self._waiting:
            try:
                self._states = await self._look()
            except Exception as error:  # the next look may be luckier; a page that waits has its button
                log.exception("phone:look-failed", kind=type(error).__name__)
            looked, self._looked = self._looked, asyncio.Event()
            looked.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._hurry.wait()
            self._hurry.clear()


def stream(news: AsyncGenerator[str, None], *, until: Callable[[str], bool], seconds: float) -> Response:
    """Each piece of news as an event; ends after one for which `until` is true, or when the time is up."""

    async def events() -> AsyncIterator[bytes]:
        yield b": waiting\n\n"
        try:
            async with asyncio.timeout(max(seconds, 0)), aclosing(news):
                async for state in news:
                    yield f"data: {state}\n\n".encode() if state else b": still waiting\n\n"
                    if state and until(state):
                        return
        except TimeoutError:
            yield b"data: expired\n\n"

    response = StreamingResponse(events(), media_type="text/event-stream")
    response.raw_headers.append(headers.NO_STORE)
    response.raw_headers.append((b"x-accel-buffering", b"no"))
    return response
