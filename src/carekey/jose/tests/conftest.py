import itertools
from datetime import UTC, datetime

import pytest

from carekey.jose.sealing import Sealing
from carekey.storage.memory.store import MemoryStore

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class CountingEntropy:
    """Different each time, the same each run."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def bytes(self, count: int) -> bytes:
        return next(self._count).to_bytes(count, "big")


@pytest.fixture
def sealing() -> Sealing:
    return Sealing(b"m" * 32, entropy=CountingEntropy())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()
