"""Refresh tokens: which family, which generation, and our own mark that we wrote it.

Nothing of a token is kept, so whoever reads the database can make none; and the token that follows can be written
again for a client that lost it. A family named in the token needs integrity (RFC 9700 section 4.14.2): a MAC.
"""

import hashlib
import hmac
from dataclasses import dataclass

from carekey.jose import base64url

_FAMILY, _GENERATION, _MAC = 32, 4, 32
_LENGTH = (8 * (_FAMILY + _GENERATION + _MAC) + 5) // 6


@dataclass(frozen=True, slots=True)
class Handle:
    """What a refresh token means."""

    family: bytes
    generation: int


def write(handle: Handle, key: bytes) -> str:
    named = handle.family + handle.generation.to_bytes(_GENERATION, "big")
    return base64url.encode(named + hmac.digest(key, named, hashlib.sha256)).decode("ascii")


def read(text: str, key: bytes) -> Handle | None:
    """None if we did not write it."""
    if len(text) != _LENGTH:
        return None
    try:
        raw = base64url.decode(text.encode("ascii"))
    except ValueError:
        return None
    named, mac = raw[:-_MAC], raw[-_MAC:]
    if not hmac.compare_digest(hmac.digest(key, named, hashlib.sha256), mac):
        return None
    return Handle(named[:_FAMILY], int.from_bytes(named[_FAMILY:], "big"))
