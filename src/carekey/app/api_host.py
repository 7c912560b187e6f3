"""The listener where applications show certificates of their own: mutual TLS for the endpoints that they call without a
browser (RFC 8705)."""

import ssl
from typing import ClassVar

import uvicorn

from carekey.app import certificate_listener, logs
from carekey.app.asgi import API_HOST, Application
from carekey.app.certificate_listener import CertificateHttp
from carekey.app.protocol import BoundedHttp
from carekey.app.settings import Settings

CONNECTIONS = 2000
"""At most so many that are past the handshake."""


def run(found: Settings) -> None:
    """Serve the API host until the process is told to stop."""
    logs.set_up()
    own_tls = not found.api_host.proxied
    uvicorn.run(
        Application(found, API_HOST),
        host=found.api_host.host,
        port=found.api_host.port,
        loop="carekey.app.certificate_listener:CertificateLoop" if own_tls else "asyncio",
        http=ApiHttp if own_tls else BoundedHttp,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=10,
        ssl_context_factory=(lambda *_: context(found)) if own_tls else None,
    )


def context(found: Settings) -> ssl.SSLContext:
    """Names no authority: an application has one certificate, which may be self-signed. Raises: OSError, ssl.SSLError."""
    certificate = found.api_host.certificate
    assert certificate is not None
    return certificate_listener.context(certificate, found.api_host.private_key)


class ApiHttp(CertificateHttp):
    CHAIN: ClassVar[int] = 5
    """With the authorities between the application's certificate and the anchor."""


if __name__ == "__main__":
    certificate_listener.main(run)
