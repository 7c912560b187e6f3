"""The short code that a person carries from a device to a browser. Pure.

Source: RFC 8628 sections 5.1 and 6.1: consonants alone, so that no word comes of it and no letter looks like a digit.
"""

from carekey.kernel.entropy import Entropy
from carekey.kernel.secret import digest

_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH = 8
"""20⁸ codes, 34 bits: with the limits of `tries.py` enough for the ten minutes that one lives."""


def new(entropy: Entropy) -> str:
    """As people write it: `WDJB-MJHT`."""
    number = int.from_bytes(entropy.bytes(24), "big")
    letters = [_ALPHABET[number // 20**place % 20] for place in range(_LENGTH)]
    return _shown("".join(letters))


def read(typed: str) -> str | None:
    """The code, however it was typed: small letters, blanks, no hyphen. None if it cannot be one."""
    letters = "".join(letter for letter in typed.upper() if letter.isalnum())
    return _shown(letters) if len(letters) == _LENGTH and set(letters) <= set(_ALPHABET) else None


def _shown(letters: str) -> str:
    return f"{letters[:4]}-{letters[4:]}"


def key(code: str) -> bytes:
    """Under what it is kept."""
    return digest(f"user-code:{code}")
