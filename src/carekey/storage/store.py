"""What every store is: the one transaction that satisfies all slices, and the way to run work in it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from carekey.audit.ports import AuditTx
from carekey.authenticators.fido_metadata.ports import MetadataTx
from carekey.authenticators.phone.confirmation.ports import ConfirmationTx
from carekey.authenticators.phone.ports import PhoneTx
from carekey.authenticators.phone.push.ports import PushTx
from carekey.authenticators.smartcard.ports import CardTx
from carekey.authenticators.user_code.ports import UserCodeTx
from carekey.directory.ports import DirectoryTx
from carekey.jose.ports import KeysTx
from carekey.login.ports import LoginTx
from carekey.oidc.ports import OidcTx
from carekey.sessions.ports import SessionTx
from carekey.workstations.ports import WorkstationTx

T = TypeVar("T")

SWEEP_BATCH = 500
"""Rows deleted in one transaction, so that a log-in never waits long behind a sweep."""

SWEEP_MARGIN = timedelta(minutes=5)
"""How much longer expired rows stay: clocks of nodes differ, and a row that is gone refuses nothing."""

SESSIONS_KEPT = timedelta(days=30)
"""From their last use, unless the caller knows how long they can be of use: sessions carry no end of their own."""

DELIVERIES_KEPT = timedelta(days=7)
"""For those who look after an application to see. What became of them stays on the audit record."""


PLACES_KEPT = timedelta(days=1)
"""Where a card was before it was taken out. A log-in that began before that has long ended."""


class Tx(
    AuditTx,
    LoginTx,  # before those of authenticators, which see less of sessions
    CardTx,
    PhoneTx,
    ConfirmationTx,
    PushTx,
    UserCodeTx,
    MetadataTx,
    DirectoryTx,
    KeysTx,
    OidcTx,
    SessionTx,
    WorkstationTx,
    Protocol,
):
    """One transaction, seen whole. Slices see the part that their own ports name."""

    def sweep(self, *, now: datetime, limit: int, sessions_kept: timedelta = SESSIONS_KEPT) -> int:
        """Delete at most `limit` rows that have expired, and sessions not used for so long; how many were deleted."""
        ...


class Store(ABC):
    """A `kernel.unit_of_work.Store[Tx]`. It may be used from several threads and event loops at once."""

    @abstractmethod
    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run work that only looks. It sees every write that was answered before it began."""

    @abstractmethod
    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run work in one transaction. When this returns, the work is durable.

        A caller that is cancelled while it waits does not know whether its work was done.
        Raises: StorageError; whatever the work raises, after rolling back.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish the work that waits, then let go of the database."""

    async def sweep(self, now: datetime, *, sessions_kept: timedelta = SESSIONS_KEPT) -> int:
        """Delete what has expired, batch by batch; how many rows there were.

        A redeemed code is kept until the tokens that it bought, refresh tokens included, have expired, so that a late replay still
        revokes them (RFC 6749 section 4.1.2). The audit record is never swept.
        """
        gone = 0
        while batch := await self.write(lambda tx: tx.sweep(now=now, limit=SWEEP_BATCH, sessions_kept=sessions_kept)):
            gone += batch
        return gone
