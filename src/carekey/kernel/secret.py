"""Secrets: never shown, and kept only as digests."""

import hashlib
import hmac


class Secret:
    """A text that must not reach a log, a page or a traceback: it prints as ***."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)


def digest(value: str) -> bytes:
    """What is stored of a code, token or cookie. SHA-256 suffices: the input is 256 random bits."""
    return hashlib.sha256(value.encode()).digest()
