"""TLS that asks whoever connects for a certificate and takes whatever comes. The card host and the API host are made
of it, each in a process of its own, so that whatever is done to its handshakes the main listener does not notice
(architecture.md, decision 9).

TLS proves that the peer holds the certificate's key. Whose it is, and whether it counts, the application judges: a
person whose card ran out gets a page and a client an OAuth error, and not a broken connection.
"""

import _ssl
import asyncio
import ctypes
import os
import signal
import ssl
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from carekey.app.handshakes import BACKLOG, Door, Handshakes, allow_open_files
from carekey.app.protocol import BoundedHttp
from carekey.app.settings import Settings, load
from carekey.web.peer_certificate import EXTENSION


def context(certificate: str, private_key: str | None, *, authorities: Iterable[bytes] = ()) -> ssl.SSLContext:
    """`certificate`, `private_key`: the listener's own. `authorities`: DER of those whose names are sent, for peers
    that choose a certificate by them.

    Raises: OSError, ssl.SSLError.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, private_key)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_mode = ssl.CERT_OPTIONAL
    # A session that is resumed proves nothing about the certificate.
    made.num_tickets = 0
    made.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    made.set_alpn_protocols(["http/1.1"])
    _beyond_python(made, authorities)
    return made


_LIBSSL = ctypes.CDLL(getattr(_ssl, "__file__", None))
"""The same OpenSSL that Python itself uses."""
_VerifyCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_accept = _VerifyCallback(lambda _store, _arg: 1)
"""Must outlive every context."""

_SET_SESS_CACHE_MODE = 44
_SESS_CACHE_OFF = 0


def _beyond_python(made: ssl.SSLContext, authorities: Iterable[bytes]) -> None:
    """What OpenSSL can do and Python's ssl cannot say: no session cache (TLS 1.2 resumes by session id without any
    ticket), the names of the authorities whose certificates the peer shall offer, and no verdict during the handshake."""
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
    for der in authorities:
        certificate = read(None, ctypes.byref(text(der)), len(der))
        if not certificate or add(handle, certificate) != 1:
            raise ssl.SSLError("an authority's name cannot be sent")
        free(certificate)


class CertificateLoop(asyncio.SelectorEventLoop):
    """Every TLS listener of it has a door, which bounds handshakes. (uvloop tells no certificate.)"""

    HANDSHAKE_SECONDS: ClassVar[int] = 10

    async def create_server(  # type: ignore[override]  # of its many forms the one that servers use
        self,
        protocol_factory: Callable[[], asyncio.Protocol],
        *where: Any,
        ssl: ssl.SSLContext | None = None,
        **how: Any,
    ) -> asyncio.Server:
        if ssl is None:
            return await super().create_server(protocol_factory, *where, **how)
        allow_open_files()
        handshakes = Handshakes(seconds=self.HANDSHAKE_SECONDS)
        return await super().create_server(
            lambda: Door(protocol_factory, ssl, handshakes), *where, **{**how, "backlog": BACKLOG}
        )


class CertificateHttp(BoundedHttp):
    """Tells the application which certificates the peer sent, the one first that it proved to hold."""

    CHAIN: ClassVar[int] = 1
    """At most so many of them."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base has it
        super().connection_made(transport)
        secured = transport.get_extra_info("ssl_object")
        told = {"client_cert_chain": _chain(secured, self.CHAIN) if secured is not None else ()}
        inner = self.app

        async def telling(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[EXTENSION] = told
            await inner(scope, receive, send)

        self.app = telling


def _chain(secured: ssl.SSLObject, longest: int) -> tuple[bytes, ...]:
    own = secured.getpeercert(binary_form=True)
    if not own or longest == 1:
        return (own,) if own else ()
    # Public from Python 3.13 on; the object below has had it since 3.10.
    sent = secured._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]  # noqa: SLF001
    return (own, *(one.public_bytes(_ssl.ENCODING_DER) for one in sent[1:longest]))


def main(run: Callable[[Settings], None]) -> None:
    """A listener's process: started by another, it ends with it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    config = os.environ.get("CAREKEY_CONFIG")
    run(load(Path(config) if config else None))


def _end_with_parent() -> None:
    """Whoever started this holds the other end of its standard input, and lets go of it however they end."""
    while os.read(0, 4096):  # not by sys.stdin, whose lock would be held while the process ends by itself
        pass
    os.kill(os.getpid(), signal.SIGTERM)
