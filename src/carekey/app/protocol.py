"""The HTTP protocol of the server, with the bounds that it lacks: how large the head of a request may be, and how long it
may take. Otherwise one connection fills the memory, and idle ones all the file handles (slow loris)."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and headers. Cookies of a browser with many log-ins are the most there is."""
HEAD_SECONDS = 20
"""From the connection, or the first byte of a further request, to the end of the headers."""


class BoundedHttp(HttpToolsProtocol):
    _size = 0
    _begun = False
    """The last bytes that came began a head and did not end it. Most heads come whole, and need no timer."""
    _complete = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._begun = self._complete = False
        super().data_received(data)
        if self._begun:
            self._expect_head()
        if self._complete or self._deadline is None:
            self._size = 0
            return
        self._size += len(data)
        if self._size > HEAD_LIMIT and not self.transport.is_closing():
            self.send_400_response("Request header fields too large.")

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._forget_deadline()
        self._begun, self._complete = False, True
        super().on_headers_complete()

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
