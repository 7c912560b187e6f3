"""Pages that wait for a phone: server-sent events (HTML section 9.2).

One question to the store a second answers everybody who waits at this worker; while nobody waits there is none.
Another worker's change is seen at the next question, this worker's own at once.

Thousands wait. Our own server lets a page's connection go once the head of its answer has left (`app/protocol.py`), and
all that is kept of it is a `Held`: no task, no request. Any other ASGI server keeps the task that it answers with.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Protocol

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
        self._held: dict[str, set[Held]] = {}
        self._hurry = asyncio.Event()
        self._looker: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something has changed here: look now."""
        self._hurry.set()

    async def news(self, key: str, *, known: str) -> AsyncGenerator[str, None]:
        """Each state of this key that differs from the one before; an empty text now and then.

        Only those are woken of whom there is something to tell: ten thousand that wait cost no more than one.
        """
        self._begin(key)
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

    def hold(self, page: "Held") -> None:
        """Tell it as `news` would, until its connection is lost."""
        self._begin(page.key)
        self._held.setdefault(page.key, set()).add(page)

    def let_fall(self, page: "Held") -> None:
        here = self._held.get(page.key, set())
        here.discard(page)
        if not here:
            self._held.pop(page.key, None)

    def _begin(self, key: str) -> None:
        if self._looker is None or self._looker.done():
            self._looker = asyncio.create_task(self._keep_looking())
        self._states.pop(key, None)  # it may be of an earlier approval: what counts is what the next look finds

    async def _keep_looking(self) -> None:
        while self._waiting or self._held:
            try:
                states = await self._look()
            except Exception as error:  # the next look may be luckier; a page that waits has its button
                log.exception("phone:look-failed", kind=type(error).__name__)
            else:
                self._tell(states)
            now = asyncio.get_running_loop().time()
            for page in [page for here in self._held.values() for page in here if page.is_due(now)]:
                page.pass_time(now)
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
                for page in tuple(self._held.get(key, ())):
                    page.tell(state)


class Held(asyncio.Protocol):
    """A page that waits, and nothing but its connection. One that does not read what it is told is closed."""

    __slots__ = ("_due_at", "_ends_at", "_forget", "_known", "_transport", "_until", "_watch", "key")

    def __init__(self, watch: Watch, key: str, *, known: str, until: Callable[[str], bool], seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        self.key = key
        self._watch = watch
        self._known = known
        self._until = until
        self._ends_at = now + seconds
        self._due_at = min(self._ends_at, now + SAY_SOMETHING_EVERY)

    def take_over(self, transport: asyncio.Transport, forget: Callable[["Held"], None]) -> None:
        """`forget`: what else is to be told that the connection has gone."""
        self._transport = transport
        self._forget = forget
        transport.set_protocol(self)
        self._watch.hold(self)

    def tell(self, state: str) -> None:
        if state == self._known:
            return
        self._known = state
        self._say(f"data: {state}\n\n".encode())
        if self._until(state):
            self.shutdown()

    def is_due(self, now: float) -> bool:
        return self._due_at <= now

    def pass_time(self, now: float) -> None:
        if self._ends_at <= now:
            self._say(b"data: expired\n\n")
            self.shutdown()
        else:
            self._say(b": still waiting\n\n")
            self._due_at = min(self._ends_at, now + SAY_SOMETHING_EVERY)

    def shutdown(self) -> None:
        """The end of the answer (RFC 9112 section 7.1), and of the connection. The server calls it when it stops."""
        self._transport.write(b"0\r\n\r\n")
        self._transport.close()
        self._watch.let_fall(self)

    def _say(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def data_received(self, data: bytes) -> None:
        """A page that waits has nothing more to say."""

    def pause_writing(self) -> None:
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (what asyncio wants)
        self._watch.let_fall(self)
        self._forget(self)


class LetsGo(Protocol):
    """What our server offers in `scope["extensions"]`."""

    def can_let_go(self) -> bool:
        """Whether nobody else needs the connection: it is there, and no further request waits on it. Then the head of the
        answer says that it ends (RFC 9112 section 9.6), so that no proxy puts somebody's next request into it."""
        ...

    def let_go(self, page: Held) -> bool:
        """Whether the connection is the page's from now on, whose answer has begun in chunks."""
        ...


LET_GO = "carekey.let_go"


def stream(watch: Watch, key: str, *, known: str, until: Callable[[str], bool], seconds: float) -> Response:
    """Each piece of news as an event; ends after one for which `until` is true, or when the time is up."""
    response = _EventStream(watch, key, known=known, until=until, seconds=seconds)
    response.raw_headers.append(headers.NO_STORE)
    response.raw_headers.append((b"x-accel-buffering", b"no"))
    return response


class _EventStream(StreamingResponse):
    """In the one task that it is called in: the library's own takes three for each page.

    So a page that was closed is noticed at its next event, or when it would be told that it still waits.
    """

    def __init__(self, watch: Watch, key: str, *, known: str, until: Callable[[str], bool], seconds: float) -> None:
        super().__init__((), media_type="text/event-stream")
        self._watch = watch
        self._key = key
        self._known = known
        self._until = until
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server: LetsGo | None = scope.get("extensions", {}).get(LET_GO) if scope["method"] == "GET" else None
        lets_go = server is not None and server.can_let_go()
        head = [*self.raw_headers, (b"connection", b"close")] if lets_go else self.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": head})
        await _say(send, b": waiting\n\n")
        if server is not None and lets_go:
            held = Held(self._watch, self._key, known=self._known, until=self._until, seconds=self._seconds)
            if server.let_go(held):
                return
        try:
            told = self._watch.news(self._key, known=self._known)
            async with asyncio.timeout(max(self._seconds, 0)), aclosing(told) as news:
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
