"""The name of a public key that follows from the key itself (RFC 7638)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from carekey.jose import base64url

_REQUIRED = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
"""In the order that section 3 asks for (RFC 8037 section 2 adds OKP)."""


def required_members(jwk: Mapping[str, Any]) -> dict[str, str]:
    """Those that make the key what it is. Raises: ValueError, if it is not a public key of a kind that we know."""
    kty = jwk.get("kty")
    names = _REQUIRED.get(kty, ()) if isinstance(kty, str) else ()
    members = {name: jwk.get(name) for name in names}
    if not members or not all(isinstance(value, str) and value.isascii() for value in members.values()):
        raise ValueError("not a public key")
    return members  # type: ignore[return-value]  # they are all texts


def of(members: Mapping[str, str]) -> str:
    """`jkt` of required members: SHA-256, base64url."""
    return base64url.encode(hashlib.sha256(msgspec.json.encode(members)).digest()).decode("ascii")
