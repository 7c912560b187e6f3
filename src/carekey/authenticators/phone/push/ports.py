"""What telling phones needs of a store, and of the way out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from carekey.authenticators.phone.confirmation import asking
from carekey.authenticators.phone.push.model import Subscription
from carekey.kernel.ids import CredentialId


class Subscriptions(Protocol):
    def put(self, subscription: Subscription) -> None:
        """A phone's newer one takes the place of its older."""
        ...

    def find(self, credential: CredentialId) -> Subscription | None: ...

    def remove(self, credential: CredentialId, *, endpoint: str) -> bool:
        """True for the caller that removed it; False if there is none, or by now another."""
        ...

    def due(self, *, now: datetime, limit: int, after: Subscription | None = None) -> Sequence[Subscription]:
        """Those of people for whom something waits that was asked after the phone was last told, the longest untold
        first; those that come `after` one alone, if given."""
        ...

    def tell(self, subscription: Subscription, *, until: datetime) -> bool:
        """Set `told_at` to `until` if it is unchanged: of simultaneous callers exactly one gets True."""
        ...


class PushTx(Protocol):
    @property
    def subscriptions(self) -> Subscriptions: ...


class Tx(asking.Tx, PushTx, Protocol): ...


class Sends(Protocol):
    async def __call__(self, endpoint: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        """POST to an address that a client chose, bounded in time and never into private ranges. The status of the
        answer; None if there is none."""
        ...
