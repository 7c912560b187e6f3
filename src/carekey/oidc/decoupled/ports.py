"""What decoupled requests need of a store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from carekey.kernel.ids import PersonId
from carekey.oidc.decoupled.model import DecoupledRequest, State


class DecoupledRequests(Protocol):
    """Whether one has expired is the caller's to judge."""

    def put(self, request: DecoupledRequest) -> bool:
        """False, and no change, if another has its user code."""
        ...

    def find(self, key: bytes) -> DecoupledRequest | None: ...

    def by_user_code(self, digest: bytes) -> DecoupledRequest | None: ...

    def waiting_for(self, person: PersonId) -> Sequence[DecoupledRequest]:
        """Those that the person has not decided, the oldest first."""
        ...

    def polled(self, key: bytes, *, now: datetime) -> DecoupledRequest | None:
        """Note that the client asks at this moment. The request as it was before; of simultaneous callers each sees
        the one before it."""
        ...

    def decide(self, key: bytes, state: State, *, at: datetime) -> bool:
        """Of simultaneous callers exactly one gets True. If the client is to be notified, that is due from now on."""
        ...

    def due(self, *, now: datetime, limit: int, after: DecoupledRequest | None = None) -> Sequence[DecoupledRequest]:
        """Those whose client is to be notified, the longest due first; those that come `after` one alone, if given."""
        ...

    def claim(self, request: DecoupledRequest, *, until: datetime) -> bool:
        """Take the notification in hand, one try more noted. Exactly one caller gets True for each try."""
        ...

    def settle(self, key: bytes, *, tries: int, again_at: datetime | None) -> bool:
        """Note the end of a try. False if the caller's time was up and another has it in hand since."""
        ...
