"""The only caller of the system's random number generator."""

import base64
import os
from typing import Protocol

_READABLE = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ" * 8
"""For each byte a character, all of them equally often."""


class Entropy(Protocol):
    def bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        ...


class SystemEntropy:
    def bytes(self, count: int) -> bytes:
        return os.urandom(count)


def token(entropy: Entropy, *, size: int = 32) -> str:
    """A URL-safe secret or identifier made of `size` random bytes.

    It never begins with a hyphen, so that no command takes an identifier for an option.
    """
    text = base64.urlsafe_b64encode(entropy.bytes(size)).rstrip(b"=").decode()
    return f"A{text[1:]}" if text.startswith("-") else text


def reference(entropy: Entropy) -> str:
    """A code of 8 characters that a person can read out: no 0, O, 1 or I (ux.md section 1)."""
    return entropy.bytes(8).translate(_READABLE).decode()
