"""Giving a person a user name and password."""

from datetime import datetime
from typing import Protocol

from carekey.authenticators.base import Credential
from carekey.authenticators.ports import Credentials
from carekey.authenticators.userpass.ceremony import KIND, handle
from carekey.authenticators.userpass.events import PasswordSet
from carekey.kernel.actor import Actor
from carekey.kernel.event import Recorder
from carekey.kernel.ids import CredentialId, PersonId


class NameTakenError(Exception):
    """Somebody else has this user name."""


class PasswordTx(Protocol):
    @property
    def credentials(self) -> Credentials: ...
    @property
    def audit(self) -> Recorder: ...


def set_password(
    tx: PasswordTx, person: PersonId, user_name: str, hashed: str, *, id: CredentialId, by: Actor, now: datetime
) -> CredentialId:
    """Give the person this user name with this hash (`slow_digest.HASHER.hash`), or the name they have a new password.

    `id`: for the credential, if it is new. Raises: NameTakenError.
    """
    data = hashed.encode()
    found = tx.credentials.find(KIND, handle(user_name))
    if found is None:
        credential = Credential(
            id=id,
            person=person,
            kind=KIND,
            handle=handle(user_name),
            label="User name and password",
            data=data,
            created_at=now,
        )
        added = tx.credentials.add(credential)
    else:
        id = found.id
        own = found.person == person and found.revoked_at is None
        added = own and (found.data == data or tx.credentials.replace(id, data=data, was=found.data))
    if not added:
        raise NameTakenError(user_name)
    tx.audit.record(PasswordSet(at=now, actor=by, person=person, credential=id))
    return id
