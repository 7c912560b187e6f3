"""UAF registrations and open requests, as credentials and challenges keep them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from carekey.authenticators.base import Challenge, Credential
from carekey.authenticators.phone.ports import PhoneTx
from carekey.authenticators.uaf.model import Issued, Registration
from carekey.kernel.ids import ConfirmationId, CredentialId, LoginId, PersonId
from carekey.kernel.secret import digest

KIND = "uaf"
LONGEST_LABEL = 60

_registration = msgspec.json.Decoder(Registration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A request that was made, and what its answer is for."""

    issued: Issued
    enrolment: bytes = b""
    """The digest of the link by which somebody registers."""
    login: LoginId | None = None
    approval: bytes = b""
    """The digest of the approval's code, if another device logs in."""
    confirmation: ConfirmationId | None = None
    """What is to be confirmed, if it is no log-in."""
    request: str = ""
    """The text of the request, where it becomes evidence."""


_pending = msgspec.json.Decoder(Pending)


def handle(app_id: str, aaid: str, key_id: bytes) -> bytes:
    """(app_id, aaid, key_id) is unique over everybody, removed registrations included."""
    return hashlib.sha256(msgspec.json.encode([app_id, aaid.upper(), key_id])).digest()


def credential_of(registration: Registration, *, id: CredentialId, label: str) -> Credential:
    return Credential(
        id=id,
        person=PersonId(registration.person),
        kind=KIND,
        handle=handle(registration.app_id, registration.aaid, registration.key_id),
        label=label[:LONGEST_LABEL],
        data=msgspec.json.encode(registration),
        counter=registration.sign_counter,
        created_at=registration.registered_at,
    )


def registration_of(credential: Credential) -> Registration:
    """The counter is the credential's: it moves, the data stay."""
    return replace(_registration.decode(credential.data), sign_counter=credential.counter)


def suspended(credential: Credential) -> bytes:
    return msgspec.json.encode(replace(_registration.decode(credential.data), suspended=True))


def keys_of(credentials: Iterable[Credential]) -> list[tuple[str, bytes]]:
    """(AAID, KeyID) of the UAF registrations among these."""
    found = [registration_of(one) for one in credentials if one.kind == KIND]
    return [(one.aaid, one.key_id) for one in found]


def find(tx: PhoneTx, app_id: str, aaid: str, key_id: bytes) -> Credential | None:
    """The registration, unless it was removed."""
    found = tx.credentials.find(KIND, handle(app_id, aaid, key_id))
    return None if found is None or found.revoked_at else found


def put(tx: PhoneTx, pending: Pending) -> None:
    tx.challenges.put(
        Challenge(
            digest=_digest(pending.issued.server_data),
            subject=_subject(pending),
            data=msgspec.json.encode(pending),
            expires_at=pending.issued.expires_at,
        )
    )


def take(tx: PhoneTx, server_data: str, *, now: datetime) -> Pending | None:
    """Once, whatever comes of it."""
    found = tx.challenges.take(_digest(server_data), now=now)
    return None if found is None else _pending.decode(found.data)


def _subject(pending: Pending) -> str:
    if pending.confirmation:
        return f"confirmation:{pending.confirmation}"
    return f"login:{pending.login}" if pending.login else f"enrolment:{pending.enrolment.hex()}"


def _digest(server_data: str) -> bytes:
    return digest(f"uaf:{server_data}")
