"""The certificate that a browser or client proved to hold: from our own TLS, or from the one proxy that ends it.

A listener is made for one of the two. Each looks in one place alone: a header that reaches a listener which ends TLS
itself was written by the client.
"""

import base64
import binascii
import re
from collections.abc import Sequence

from carekey.web.kit import Request

EXTENSION = "tls"
"""In the scope's `extensions`: `client_cert_chain`, as the ASGI TLS extension names it, here in DER."""

LONGEST = 64 * 1024
_BYTE_SEQUENCE = re.compile(r":([A-Za-z0-9+/]*={0,2}):")


class MalformedCertificate(ValueError):
    """The header is not what RFC 9440 section 2 describes."""


def from_tls(request: Request) -> Sequence[bytes]:
    """DER, the browser's own certificate first; empty if it sent none."""
    found: Sequence[bytes] = request.scope.get("extensions", {}).get(EXTENSION, {}).get("client_cert_chain", ())
    return found


def from_proxy(request: Request) -> Sequence[bytes]:
    """What the proxy says in Client-Cert and Client-Cert-Chain (RFC 9440). Whether it is the proxy is the caller's
    to check. Raises: MalformedCertificate."""
    leaf = request.headers.getlist("client-cert")
    chain = request.headers.getlist("client-cert-chain")
    if not leaf:
        return ()
    # Two lines: one of them is not the proxy's.
    if len(leaf) > 1:
        raise MalformedCertificate
    return [_bytes(leaf[0]), *(_bytes(item) for line in chain for item in line.split(","))]


def _bytes(item: str) -> bytes:
    """A byte sequence of RFC 8941 section 3.3.5, without parameters."""
    match = _BYTE_SEQUENCE.fullmatch(item.strip()) if len(item) <= LONGEST else None
    if match is None:
        raise MalformedCertificate
    try:
        return base64.b64decode(match.group(1), validate=True)
    except binascii.Error:
        raise MalformedCertificate from None
