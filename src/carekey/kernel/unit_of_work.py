"""How a use case reaches the store.

A unit of work is a plain function from a transaction to a result. The store runs it, commits, and only
then answers; it may run it more than once (serialisation failure, lost connection), so the function has no
effect but through its transaction. An exception rolls everything back and comes out at the caller.
Each slice says in its `ports.py` which part of a transaction it needs; the store's one transaction class
satisfies them all by shape.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")
TxT_co = TypeVar("TxT_co", covariant=True)


class StoreUnavailable(Exception):
    """The store is down, full, or refuses. `str()` is one sentence for an operator, with nothing of what was stored."""


class Store(Protocol[TxT_co]):
    """Both raise StoreUnavailable, and whatever the work raises."""

    async def read(self, work: Callable[[TxT_co], T]) -> T:
        """Run work that only looks. It sees every write that was answered before it began."""
        ...

    async def write(self, work: Callable[[TxT_co], T]) -> T:
        """Run work in one transaction. When this returns, the work is durable."""
        ...
