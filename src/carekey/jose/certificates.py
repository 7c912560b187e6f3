"""Certificates that JSON Web Keys name (RFC 7517 sections 4.7 and 4.9)."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from carekey.jose import base64url


def thumbprint(certificate: bytes) -> str:
    """`x5t#S256` of a certificate in DER."""
    return base64url.encode(hashlib.sha256(certificate).digest()).decode("ascii")


def named(keys: Iterable[Any]) -> Iterator[str]:
    """Thumbprints of the certificates of some keys: the first of `x5c` is the key's own; `x5t#S256` stands for one."""
    for key in keys:
        if not isinstance(key, dict):
            continue
        match key.get("x5c"), key.get("x5t#S256"):
            case [str(first), *_], _:
                with suppress(ValueError):
                    yield thumbprint(base64.b64decode(first, validate=True))
            case None, str(told):
                yield told
