"""Tells phones that something waits: once for whatever was asked since they were last told, and nothing of it.

Any number of nodes may work on it: a phone is told by one. Nothing is sent again if the push service does not answer
or its node dies: the question stands on the phone all the same, for whoever opens it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from carekey.authenticators.phone import keeping
from carekey.authenticators.phone.confirmation.asking import shows
from carekey.authenticators.phone.push import message
from carekey.authenticators.phone.push.events import Because
from carekey.authenticators.phone.push.model import Subscription
from carekey.authenticators.phone.push.ports import Sends, Tx
from carekey.authenticators.phone.push.unsubscribing import unsubscribe
from carekey.authenticators.phone.push.vapid import Vapid, origin
from carekey.authenticators.phone.terms import Terms
from carekey.kernel.actor import system
from carekey.kernel.bulkhead import Bulkhead
from carekey.kernel.due_work import DueWork
from carekey.kernel.entropy import Entropy
from carekey.kernel.ids import CredentialId

TEXT = b"Something waits for you"
"""Everything that a push service, a lock screen or a bystander may learn."""
LASTS = 300
"""Seconds that a push service may keep a message for a phone that is off: as long as most questions stand."""
AT_ONCE = 4
"""Messages to one push service."""
ALTOGETHER = 32
LOOKED_AT = 500
"""Rows read at a time."""
WORKER = system("web push")

TxT = TypeVar("TxT", bound=Tx)

log = structlog.get_logger()


@dataclass(kw_only=True)
class Telling(DueWork[TxT, Subscription, CredentialId]):
    terms: Terms
    vapid: Vapid
    send: Sends
    entropy: Entropy
    bulkhead: Bulkhead[CredentialId] = field(
        default_factory=lambda: Bulkhead(for_one=AT_ONCE, altogether=ALTOGETHER, failed=_log_failed)
    )

    def due(self, tx: TxT, *, now: datetime, after: Subscription | None) -> Sequence[Subscription]:
        return tx.subscriptions.due(now=now, limit=LOOKED_AT, after=after)

    def see_to(self, row: Subscription) -> None:
        self.bulkhead.begin(row.credential, origin(row.endpoint), partial(self._tell, row))

    async def _tell(self, one: Subscription) -> None:
        if not await self.store.write(lambda tx: self._take(tx, one)):
            return
        now = self.clock.now()
        body = message.encrypt(
            TEXT,
            p256dh=one.p256dh,
            auth=one.auth,
            key=ec.generate_private_key(ec.SECP256R1()),
            salt=self.entropy.bytes(message.SALT_SIZE),
        )
        headers = {
            "authorization": self.vapid.authorization(one.endpoint, now=now),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(LASTS),
            "urgency": "high",
        }
        status = await self.send(one.endpoint, body, headers)
        if status in {404, 410}:
            at = self.clock.now()
            await self.store.write(lambda tx: unsubscribe(tx, one, Because.GONE, by=WORKER, now=at))
        elif status is None or not 200 <= status < 300:
            log.warning("push:not-taken", credential=one.credential, status=status)

    def _take(self, tx: TxT, one: Subscription) -> bool:
        """Whether this phone is to be told, and by us."""
        held = (each for each in tx.credentials.held_by(one.person) if each.id == one.credential)
        credential = next(held, None)
        if credential is None:
            unsubscribe(tx, one, Because.REMOVED, by=WORKER, now=self.clock.now())
            return False
        pending = [
            each for each in tx.confirmations.pending(one.person, now=self.clock.now()) if each.asked_at > one.told_at
        ]
        if not pending or not tx.subscriptions.tell(one, until=max(each.asked_at for each in pending)):
            return False
        registration = keeping.registration_of(credential)  # one that is suspended shows nothing
        return any(shows(self.terms, registration, form) for each in pending for form in each.forms)


def _log_failed(credential: CredentialId, error: BaseException) -> None:
    log.error("push:failed", credential=credential, kind=type(error).__name__, exc_info=error)
