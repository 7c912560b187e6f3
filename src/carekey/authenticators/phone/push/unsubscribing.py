"""The end of a subscription, on record."""

from datetime import datetime
from typing import Protocol

from carekey.authenticators.phone.push.events import Because, PushUnsubscribed
from carekey.authenticators.phone.push.model import Subscription
from carekey.authenticators.phone.push.ports import PushTx
from carekey.kernel.actor import Actor
from carekey.kernel.event import Recorder
from carekey.kernel.ids import CredentialId


class Tx(PushTx, Protocol):
    @property
    def audit(self) -> Recorder: ...


def unsubscribe(tx: Tx, kept: Subscription, because: Because, *, by: Actor, now: datetime, reference: str = "") -> None:
    """Nothing, if the phone has another by now."""
    if tx.subscriptions.remove(kept.credential, endpoint=kept.endpoint):
        tx.audit.record(
            PushUnsubscribed(at=now, actor=by, reference=reference, credential=kept.credential, because=because)
        )


def phone_removed(tx: Tx, credential: CredentialId, *, by: Actor, now: datetime, reference: str = "") -> None:
    """For the transaction in which a credential of any kind is revoked: its address goes with a phone."""
    if (kept := tx.subscriptions.find(credential)) is not None:
        unsubscribe(tx, kept, Because.REMOVED, by=by, now=now, reference=reference)
