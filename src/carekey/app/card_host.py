"""The listener that asks browsers for the certificate of a smartcard."""

import asyncio
import ssl
from typing import ClassVar

import uvicorn

from carekey.app import certificate_listener, logs, smartcards
from carekey.app.asgi import CARD_HOST, Application
from carekey.app.certificate_listener import CertificateHttp, CertificateLoop
from carekey.app.protocol import BoundedHttp
from carekey.app.settings import Settings

CONNECTION_SECONDS = 30
"""One connection, one request: whoever needs longer is holding it open."""
CONNECTIONS = 2000
"""At most so many that are past the handshake."""


def run(found: Settings) -> None:
    """Serve the card host until the process is told to stop."""
    logs.set_up()
    own_tls = not found.smartcards.proxied
    uvicorn.run(
        Application(found, CARD_HOST),
        host=found.smartcards.host,
        port=found.smartcards.port,
        loop="carekey.app.card_host:CardLoop" if own_tls else "uvloop",
        http=CardHttp if own_tls else BoundedHttp,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Each request is to prove the card anew, and no connection is shared (smartcard hosts of one wildcard).
        headers=[("connection", "close")],
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=10,
        ssl_context_factory=(lambda *_: context(found)) if own_tls else None,
    )


def context(found: Settings) -> ssl.SSLContext:
    """Sends the names of the authorities whose cards the browser shall offer. Raises: OSError, ssl.SSLError."""
    certificate = found.smartcards.certificate
    assert certificate is not None
    return certificate_listener.context(
        certificate, found.smartcards.private_key, authorities=smartcards.issuers(found)
    )


class CardLoop(CertificateLoop):
    HANDSHAKE_SECONDS: ClassVar[int] = 60
    """The card's PIN is typed in the middle of the handshake."""


class CardHttp(CertificateHttp):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base has it
        super().connection_made(transport)
        self._end = self.loop.call_later(CONNECTION_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        super().connection_lost(exc)


if __name__ == "__main__":
    certificate_listener.main(run)
