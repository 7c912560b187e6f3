"""base64url without padding, strictly (RFC 7515 section 2)."""

import binascii
import re

_ALPHABET = re.compile(rb"[A-Za-z0-9_-]*")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")


def encode(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """Raises: ValueError, also if another text would decode to the same bytes.

    Otherwise one signed token could be written in several ways, and a list of tokens seen would miss some.
    """
    if _ALPHABET.fullmatch(text) is None:
        raise ValueError("not base64url")
    data = binascii.a2b_base64(text.translate(_TO_STANDARD) + b"=" * (-len(text) % 4))
    if encode(data) != text:
        raise ValueError("not the canonical base64url")
    return data
