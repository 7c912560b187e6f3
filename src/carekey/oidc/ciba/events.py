"""What the audit record tells of notifying clients."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientNotified(AuditEvent):
    """A client was told, or sent, what a person decided, and said that it has it."""

    tag: ClassVar[str] = "ciba:notification:delivered"

    issuer: str
    client: str
    request: str
    delivery: str
    tries: int
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientNotNotified(AuditEvent):
    """A client was to be told what a person decided, and did not answer well. `outcome` is the status of its answer, or
    why there was none; `last` says that it is not tried again."""

    tag: ClassVar[str] = "ciba:notification:failed"
    refusal: ClassVar[bool] = True

    issuer: str
    client: str
    request: str
    delivery: str
    tries: int
    outcome: str
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCodeRefused(AuditEvent):
    """A client asked for a person with a user code that was wrong, or after too many wrong ones. There need not be such a
    person, nor a code of theirs."""

    tag: ClassVar[str] = "ciba:user-code:refused"
    refusal: ClassVar[bool] = True

    issuer: str
    client: str
    person: str
    reason: str
