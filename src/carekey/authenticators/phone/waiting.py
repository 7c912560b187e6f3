"""Pages that wait for a phone: server-sent events (HTML section 9.2).

One question to the store a second answers everybody who waits at this worker; while nobody waits there is none.
Another worker's change is seen at the next question, this worker's own at once.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from carekey.web import headers
from carekey.web.kit import Response

LOOK_EVERY = 1.0
"""Seconds."""
LOOK_NO_SOONER = 0.05
"""Seconds between two looks, however much happens: a ward that logs in all at once asks no more often."""
SAY_SOMETHING_EVERY = 20
"""Seconds without news after which a comment keeps proxies from closing the connection."""

Look = Callable[[], Awaitable[Mapping[str, str]]]
"""The states of whatever has one worth telling, by the key that is waited for."""

log = structlog.get_logger()


class Watch:
    def __init__(self, look: Look) -> None:
        self._look = look
        self._states: dict[str, str] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._hurry = asyncio.Event()
        self._looker: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something has changed here: look now."""
        self._hurry.set()

    async def news(self, key: str, *, known: str) -> AsyncGenerator[str, None]:
        """Each state of this key that differs from the one before; an empty text now and then.

        Only those are woken of whom there is something to tell: ten thousand that wait cost no more than one.
        """
        if self._looker is None or self._looker.done():
            self._looker = asyncio.create_task(self._keep_looking())
        self._states.pop(key, None)  # it may be of an earlier approval: what counts is what the next look finds
        here = self._waiting.setdefault(key, set())
        moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        here.add(moved)
        try:
            while True:
                if (state := self._states.get(key, known)) == known:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(SAY_SOMETHING_EVERY):
                            await moved
                    state = self._states.get(key, known)
                here.discard(moved)
                moved = asyncio.get_running_loop().create_future()
                here.add(moved)
                yield "" if state == known else state
                known = state
        finally:
            here.discard(moved)
            if not here and self._waiting.get(key) is here:
                del self._waiting[key]

    async def _keep_looking(self) -> None:
        while self._waiting:
            try:
                states = await self._look()
            except Exception as error:  # the next look may be luckier; a page that waits has its button
                log.exception("phone:look-failed", kind=type(error).__name__)
            else:
                self._tell(states)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._hurry.wait()
            self._hurry.clear()
            await asyncio.sleep(LOOK_NO_SOONER)

    def _tell(self, states: Mapping[str, str]) -> None:
        before, self._states = self._states, dict(states)
        for key, state in states.items():
            if before.get(key) != state:
                for moved in self._waiting.get(key, ()):
                    if not moved.done():
                        moved.set_result(None)


def stream(news: AsyncGenerator[str, None], *, until: Callable[[str], bool], seconds: float) -> Response:
    """Each piece of news as an event; ends after one for which `until` is true, or when the time is up."""
    response = _EventStream(news, until=until, seconds=seconds)
    response.raw_headers.append(headers.NO_STORE)
    response.raw_headers.append((b"x-accel-buffering", b"no"))
    return response


class _EventStream(StreamingResponse):
    """In the one task that it is called in: the library's own takes three for each page, and thousands wait.

    So a page that was closed is noticed at its next event, or when it would be told that it still waits.
    """

    def __init__(self, news: AsyncGenerator[str, None], *, until: Callable[[str], bool], seconds: float) -> None:
        super().__init__((), media_type="text/event-stream")
        self._news = news
        self._until = until
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (what ASGI wants)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await _say(send, b": waiting\n\n")
        try:
            async with asyncio.timeout(max(self._seconds, 0)), aclosing(self._news) as news:
                async for state in news:
                    if await _gone(receive):
                        break
                    await _say(send, f"data: {state}\n\n".encode() if state else b": still waiting\n\n")
                    if state and self._until(state):
                        break
        except TimeoutError:
            await _say(send, b"data: expired\n\n")
        await _say(send, b"", more=False)


async def _say(send: Send, data: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def _gone(receive: Receive) -> bool:
    """Whether the page has been closed, without waiting for it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            while (await receive())["type"] != "http.disconnect":
                pass
            return True
    return False
