"""base64url without padding, as UAF writes binary values in JSON (section 3)."""

import base64
import binascii
import re

from carekey.authenticators.uaf.status import Reason, UafError

_TEXT = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_LAST = {2: frozenset("AQgw"), 3: frozenset("AEIMQUYcgkosw048")}
"""Letters that leave no bit over, at the end of a group of two or three."""


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Accepts right padding, which some clients send; refuses blanks, other alphabets and stray bits.

    Raises: UafError(NOT_BASE64URL).
    """
    bare = text.rstrip("=")
    padding, left = len(text) - len(bare), len(bare) % 4
    whole = left == 0 or (left != 1 and bare[-1] in _LAST[left])
    if not (whole and padding in {0, -len(bare) % 4} and _TEXT.fullmatch(bare)):
        raise UafError(Reason.NOT_BASE64URL)
    return binascii.a2b_base64(bare.replace("-", "+").replace("_", "/") + "==")
