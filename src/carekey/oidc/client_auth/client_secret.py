"""Client authentication by a secret, in the Authorization header or in the form (RFC 6749 section 2.3.1)."""

import binascii
import hmac
from base64 import b64decode
from urllib.parse import unquote_to_bytes

from carekey.kernel.secret import Secret, digest
from carekey.oidc.errors import InvalidClient, Reason
from carekey.oidc.model import Client


def read_basic(header: str) -> tuple[str, Secret]:
    """Client id and secret of a Basic header; both are form-urlencoded within. Raises: InvalidClient."""
    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        id, colon, secret = b64decode(encoded.strip(), validate=True).partition(b":")
        if not colon:
            raise ValueError
        return _decoded(id), Secret(_decoded(secret))
    except (binascii.Error, ValueError):
        raise InvalidClient(reason=Reason.MALFORMED_BASIC) from None


def _decoded(part: bytes) -> str:
    return unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")


def check(client: Client, secret: Secret) -> None:
    """Raises: InvalidClient."""
    # Digests of equal length, compared in constant time: nothing about the secret shows in the time it takes.
    if client.secret is None or not hmac.compare_digest(digest(secret.reveal()), client.secret):
        raise InvalidClient(reason=Reason.WRONG_SECRET)
