"""base64url without padding, strictly (RFC 7515 section 2)."""

import binascii

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")


def encode(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """Raises: ValueError, also if another text would decode to the same bytes.

    Otherwise one signed token could be written in several ways, and a list of tokens seen would miss some.
    """
    # What is not in the alphabet is passed over here, and missing when it is written again.
    data = binascii.a2b_base64(text.translate(_TO_STANDARD) + b"=" * (-len(text) % 4))
    if encode(data) != text:
        raise ValueError("not the canonical base64url")
    return data
