"""A text that waits for a person's word, and the phone that shows it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from carekey.authenticators.base import Verified
from carekey.authenticators.uaf.messages import Transaction
from carekey.kernel.ids import ConfirmationId, CredentialId, PersonId

MOST_WAITING = 5
"""For one person: who is asked without end confirms without reading."""


class State(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    id: ConfirmationId
    person: PersonId
    application: str
    text: str
    forms: tuple[Transaction, ...]
    """The content in each form that one of the person's devices can show."""
    asked_at: datetime
    expires_at: datetime
    state: State = State.PENDING
    proof: Verified | None = None

    def waits(self, now: datetime) -> bool:
        return self.state is State.PENDING and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """By its own secret a phone learns what waits for its person. To confirm anything it takes its key as well."""

    credential: CredentialId
    digest: bytes
    """Of the secret."""
    person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`document` is what `evidence.py` writes and verifies; it is never changed, and never swept."""

    id: ConfirmationId
    person: PersonId
    application: str
    confirmed_at: datetime
    document: str
