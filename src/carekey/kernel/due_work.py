"""Work that stands in the store and is due: begun in a bulkhead, by any number of nodes.

Who does a piece of it is for the work itself to find out: it takes what it does in the store first.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from carekey.kernel.bulkhead import Bulkhead, KeyT
from carekey.kernel.clock import Clock
from carekey.kernel.unit_of_work import Store

TxT = TypeVar("TxT")
RowT = TypeVar("RowT")


@dataclass(kw_only=True)
class DueWork(ABC, Generic[TxT, RowT, KeyT]):
    store: Store[TxT]
    clock: Clock
    bulkhead: Bulkhead[KeyT]

    @abstractmethod
    def due(self, tx: TxT, *, now: datetime, after: RowT | None) -> Sequence[RowT]:
        """A page of what is due, after that row; empty when there is no more."""

    @abstractmethod
    def see_to(self, row: RowT) -> object:
        """Begin it in the bulkhead, if it is ours to do and there is room."""

    async def begin(self) -> None:
        """See to what is due and is not being seen to. Returns before that is done."""
        now, last = self.clock.now(), None
        while not self.bulkhead.full:
            page = await self.store.read(partial(self.due, now=now, after=last))
            if not page:
                return
            for row in page:
                self.see_to(row)
            last = page[-1]  # of a party that hangs there may be any number before others'

    async def deliver(self) -> None:
        """Everything that is due now, to the end."""
        await self.begin()
        await self.bulkhead.finish()

    async def stop(self) -> None:
        """What is under way is left to others."""
        await self.bulkhead.stop()
