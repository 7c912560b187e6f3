"""A session and the proofs that it rests on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from carekey.kernel.assurance import AAL, Amr
from carekey.kernel.ids import ClientId, CredentialId, IssuerName, PersonId, RoleProfileId, SessionId

SMARTCARD = "smartcard"
"""The kind of proof that rests on a card in a reader."""
SCRIPTED = "scripted"
"""The kind that a sandbox's script stands for: nothing was proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long a session carries a level (NIST SP 800-63B; cis2-profile section 5.1)."""

    absolute: timedelta = timedelta(hours=10)
    idle: timedelta = timedelta(minutes=30)
    idle_aal3: timedelta = timedelta(minutes=15)
    """Idle for longer, a session is good for AAL2 at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One act of proving oneself, kept for as long as the session lives."""

    credential: CredentialId
    kind: str
    aal: AAL
    amr: Amr
    at: datetime

    @property
    def removable(self) -> CredentialId | None:
        """What the person had proven it with, if it can be taken away from them."""
        return None if self.kind == SCRIPTED else self.credential


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    id: SessionId
    digest: bytes
    """Of the secret in the cookie."""
    issuer: IssuerName
    person: PersonId
    proof: Proof
    """The latest. A step-up, or logging in again, puts a new one in its place."""
    role: RoleProfileId | None
    started_at: datetime
    last_used_at: datetime
    ended_at: datetime | None = None
    locked_at: datetime | None = None
    """The card that it rests on was taken out. Nobody goes on in it until its person has proven themself again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPlace:
    """Where a card is, or was last, by the word of that workstation's companion. A card is in one place at a time."""

    card: CredentialId
    workstation: str
    since: datetime
    left_at: datetime | None = None


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutDelivery:
    """A client that is to be told, server to server, that a session has ended."""

    session: SessionId
    client: ClientId
    issuer: IssuerName
    person: PersonId
    queued_at: datetime
    tries: int = 0
    """Begun so far. It also tells the worker that has it in hand from any later one."""
    due_at: datetime | None
    """Of the next try, or the moment until which a worker has it in hand. None once it is settled."""
    state: DeliveryState = DeliveryState.WAITING
    outcome: str = ""
    """Of the latest try: a status code, or why there was none."""
    settled_at: datetime | None = None
