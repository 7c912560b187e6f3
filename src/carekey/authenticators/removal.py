"""Taking a way to log in from a person. It stays in the store, so that it cannot be registered again."""

from datetime import datetime
from typing import Protocol

from carekey.authenticators.base import Credential
from carekey.authenticators.events import CredentialRemoved
from carekey.authenticators.ports import Credentials
from carekey.kernel.actor import Actor
from carekey.kernel.event import Recorder
from carekey.kernel.ids import CredentialId, PersonId


class RemovalTx(Protocol):
    @property
    def credentials(self) -> Credentials: ...
    @property
    def audit(self) -> Recorder: ...


def remove(tx: RemovalTx, person: PersonId, id: CredentialId, *, by: Actor, now: datetime) -> Credential | None:
    """What was removed; None if the person has no such way to log in (any more). Of two at once one removes it."""
    held = next((one for one in tx.credentials.held_by(person) if one.id == id), None)
    if held is None or not tx.credentials.revoke(id, at=now):
        return None
    tx.audit.record(CredentialRemoved(at=now, actor=by, person=person, credential=id, kind=held.kind))
    return held
