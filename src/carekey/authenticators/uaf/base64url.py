"""base64url without padding, as UAF writes binary values in JSON (section 3)."""

import base64
import re

from carekey.authenticators.uaf.status import Reason, UafError

_TEXT = re.compile(r"[A-Za-z0-9_-]*={0,2}", re.ASCII)


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Accepts right padding, which some clients send; refuses blanks, other alphabets and stray bits.

    Raises: UafError(NOT_BASE64URL).
    """
    bare = text.rstrip("=")
    padded = bare + "=" * (-len(bare) % 4)
    if _TEXT.fullmatch(text) and len(bare) % 4 != 1 and text in {bare, padded}:
        data = base64.urlsafe_b64decode(padded)
        if encode(data) == bare:
            return data
    raise UafError(Reason.NOT_BASE64URL)
