"""The HTTP protocol of the server, with what it lacks.

Bounds: how large the head of a request may be, and how long it may take. Otherwise one connection fills the memory, and
idle ones all the file handles (slow loris). Nothing behind the body counts as a header. And answers that leave in one
packet, and connections that are let go: of ten thousand pages that wait, the server keeps no request, no parser and no
task.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from carekey.authenticators.phone.waiting import LET_GO, Held
from carekey.web.kit import WHOLE

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and headers, where cookies of a browser with many log-ins are the most there is; and of whatever
else comes without a byte of a body."""
HEAD_SECONDS = 20
"""From the connection, or the first byte of a further request, to the end of the headers."""


class BoundedHttp(HttpToolsProtocol):
    _size = 0
    _begun = False
    """The last bytes that came began a head and did not end it. Most heads come whole, and need no timer."""
    _got_on = False
    """They brought the end of a head, or some of a body."""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        self._untie()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._begun = self._got_on = False
        super().data_received(data)
        if self._begun:
            self._expect_head()
        if self._got_on:
            self._size = 0
            return
        self._size += len(data)
        if self._size > HEAD_LIMIT and not self.transport.is_closing():
            if self._deadline is None:  # trailers: the answer is somebody else's to write
                self.transport.close()
            else:
                self.send_400_response("Request header fields too large.")

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.scope["extensions"] = {LET_GO: self}  # type: ignore[dict-item]  # a `LetsGo`, no settings
        self._forget_deadline()
        self._begun, self._got_on = False, True
        super().on_headers_complete()
        # Fields behind a chunked body (trailers, RFC 9110 section 6.5.1) no proxy looked through: in one, anybody could
        # say that they had shown a certificate, or where they are.
        self.headers = Discarded()
        if self.cycle is not None and self.scope["method"] != "HEAD":  # to which no body is written
            self.cycle.transport = InOnePacket(self.cycle.transport)  # type: ignore[assignment]  # all that a cycle uses

    def on_body(self, body: bytes) -> None:
        self._got_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._got_on = True
        self.scope[WHOLE] = True  # type: ignore[literal-required]  # a scope may have more than the library knows
        super().on_message_complete()

    def can_let_go(self) -> bool:
        return not (self.transport.is_closing() or self.pipeline or self.flow.write_paused)

    def let_go(self, page: Held) -> bool:
        if not self.can_let_go():
            return False
        self._forget_deadline()  # of a further request that was begun
        self.flow.resume_reading()  # a body may have been too large to be read: without reading no end is seen
        self.cycle.response_complete = True  # for whoever called the application
        self.server_state.total_requests += 1
        self.connections.discard(self)
        self.connections.add(page)  # type: ignore[arg-type]  # all that is asked of one is to shut down
        page.take_over(self.transport, self.connections.discard)
        self._untie()
        self.parser = None  # type: ignore[assignment]  # as the library leaves it when a connection ends
        return True

    def _untie(self) -> None:
        """A ring of references would outlive the connection until the next collection."""
        if self.scope is not None:
            self.scope.pop("extensions", None)

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()


class Discarded(list[tuple[bytes, bytes]]):
    """What is added is not kept."""

    def append(self, _field: tuple[bytes, bytes], /) -> None:
        pass


class InOnePacket:
    """The transport of one answer. uvicorn writes head and body apart: two packets, and a client that is woken twice.

    A head that tells the length of its body is held back until that follows, which it does at once. Others (of a stream,
    or to go on, RFC 9110 section 15.2.1) leave as they are written.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        """None until there is one; empty once it has left."""

    def write(self, data: bytes) -> None:
        if self._head is None and b"\r\ncontent-length: " in data:
            self._head = data
        elif self._head:
            self._transport.writelines((self._head, data))
            self._head = b""
        else:
            self._transport.write(data)

    def close(self) -> None:
        if self._head:
            self.write(b"")
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()
