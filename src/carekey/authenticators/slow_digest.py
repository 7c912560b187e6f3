"""Secrets that people choose and remember, digested slowly on purpose (NIST SP 800-63B section 5.1.1.2)."""

from functools import partial
from typing import TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's profile for argon2id: 19 MiB, two passes."""

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlzIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""Checked where there is nothing to check, so that the time taken says nothing. No secret has it."""

HASHING_AT_ONCE = 2
LONGEST_QUEUE = 16
"""Tries that may wait for a thread. Hashing is slow on purpose, so a flood of it is turned away rather than kept."""

T = TypeVar("T")


class TooBusy(Exception):
    """So many wait already that one more is turned away."""


def matches(hashed: str, secret: str) -> bool:
    """Takes about 25 ms of a processor: call it in a thread."""
    try:
        return HASHER.verify(hashed, secret)
    except (VerificationError, InvalidHashError):
        return False


class SlowDigests:
    """Off the event loop, a few at a time."""

    def __init__(self) -> None:
        self._limiter: CapacityLimiter | None = None
        self._under_way = 0

    async def make(self, secret: str) -> str:
        """Raises: TooBusy."""
        return await self._in_turn(partial(HASHER.hash, secret))

    async def matches(self, hashed: str, secret: str) -> bool:
        """Raises: TooBusy."""
        return await self._in_turn(partial(matches, hashed, secret))

    async def _in_turn(self, work: "partial[T]") -> T:
        limiter = self._limiter = self._limiter or CapacityLimiter(HASHING_AT_ONCE)
        if self._under_way >= HASHING_AT_ONCE + LONGEST_QUEUE:  # the limiter counts a task only once it waits
            raise TooBusy
        self._under_way += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=limiter)
        finally:
            self._under_way -= 1
