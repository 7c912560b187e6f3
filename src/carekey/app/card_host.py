"""The listener that asks browsers for a certificate: a process of its own, so that whatever is done to its handshakes
the main listener does not notice (architecture.md, decision 9)."""

import _ssl
import asyncio
import ctypes
import os
import signal
import ssl
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from carekey.app import logs, smartcards
from carekey.app.asgi import CARD_HOST, Application
from carekey.app.handshakes import allow_open_files
from carekey.app.settings import Settings, load
from carekey.web.peer_certificate import EXTENSION

CONNECTION_SECONDS = 30
"""One connection, one request: whoever needs longer is holding it open."""
CONNECTIONS = 2000
"""At most so many that are past the handshake; `handshakes.py` bounds those in it."""
BACKLOG = 256
"""Connections that the system accepts before we do: all of them are open files at once."""


def run(found: Settings) -> None:
    """Serve the card host until the process is told to stop."""
    logs.set_up()
    own_tls = not found.smartcards.proxied
    allow_open_files()
    uvicorn.run(
        Application(found, CARD_HOST),
        host=found.smartcards.host,
        port=found.smartcards.port,
        loop="carekey.app.handshakes:GuardedLoop" if own_tls else "asyncio",  # uvloop tells no certificate
        http=CertificateProtocol if own_tls else "httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Each request is to prove the card anew, and no connection is shared (smartcard hosts of one wildcard).
        headers=[("connection", "close")],
        limit_concurrency=CONNECTIONS,
        backlog=BACKLOG,
        timeout_graceful_shutdown=10,
        ssl_context_factory=(lambda *_: context(found)) if own_tls else None,
    )


def context(found: Settings) -> ssl.SSLContext:
    """Asks for a certificate, takes whatever comes, and resumes nothing.

    TLS proves that the browser holds the key. Whose card it is, and whether it counts, the application judges: a
    person whose card ran out gets a page and not their browser's error.

    Raises: OSError, ssl.SSLError.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = found.smartcards.certificate
    assert certificate is not None
    made.load_cert_chain(certificate, found.smartcards.private_key)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_mode = ssl.CERT_OPTIONAL
    # A session that is resumed proves nothing about the card.
    made.num_tickets = 0
    made.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    made.set_alpn_protocols(["http/1.1"])
    _beyond_python(made, smartcards.issuers(found))
    return made


_LIBSSL = ctypes.CDLL(getattr(_ssl, "__file__", None))
"""The same OpenSSL that Python itself uses."""
_VerifyCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_accept = _VerifyCallback(lambda _store, _arg: 1)
"""Must outlive every context."""

_SET_SESS_CACHE_MODE = 44
_SESS_CACHE_OFF = 0


def _beyond_python(made: ssl.SSLContext, issuers: Iterable[bytes]) -> None:
    """What OpenSSL can do and Python's ssl cannot say: no session cache (TLS 1.2 resumes by session id without any
    ticket), the names of the authorities whose cards the browser shall offer, and no verdict during the handshake."""
    pointer, number, text = ctypes.c_void_p, ctypes.c_long, ctypes.c_char_p
    handle = pointer.from_address(id(made) + object.__basicsize__)  # the first field of Python's SSLContext
    ctrl = _LIBSSL.SSL_CTX_ctrl
    ctrl.restype, ctrl.argtypes = number, [pointer, ctypes.c_int, number, pointer]
    ctrl(handle, _SET_SESS_CACHE_MODE, _SESS_CACHE_OFF, None)
    set_callback = _LIBSSL.SSL_CTX_set_cert_verify_callback
    set_callback.restype, set_callback.argtypes = None, [pointer, _VerifyCallback, pointer]
    set_callback(handle, _accept, None)
    read, add, free = _LIBSSL.d2i_X509, _LIBSSL.SSL_CTX_add_client_CA, _LIBSSL.X509_free
    read.restype, read.argtypes = pointer, [pointer, ctypes.POINTER(text), number]
    add.restype, add.argtypes = ctypes.c_int, [pointer, pointer]
    free.restype, free.argtypes = None, [pointer]
    for der in issuers:
        certificate = read(None, ctypes.byref(text(der)), len(der))
        if not certificate or add(handle, certificate) != 1:
            raise ssl.SSLError("a card authority's name cannot be sent")
        free(certificate)


class CertificateProtocol(HttpToolsProtocol):
    """Tells the application which certificate the browser proved to hold."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base has it
        super().connection_made(transport)
        self._end = self.loop.call_later(CONNECTION_SECONDS, transport.abort)
        secured = transport.get_extra_info("ssl_object")
        der = secured.getpeercert(binary_form=True) if secured is not None else None
        told = {"client_cert_chain": (der,) if der else ()}
        inner = self.app

        async def telling(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[EXTENSION] = told
            await inner(scope, receive, send)

        self.app = telling

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        super().connection_lost(exc)


def _end_with_parent() -> None:
    """Whoever started this holds the other end of its standard input, and lets go of it however they end."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    config = os.environ.get("CAREKEY_CONFIG")
    run(load(Path(config) if config else None))
