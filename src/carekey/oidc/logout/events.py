"""What the audit record tells of logout requests. The end of a session itself is on record in sessions/events.py."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRefused(AuditEvent):
    """A logout request was wrong; nobody was logged out by it. `client` is only what it said."""

    tag: ClassVar[str] = "logout:request:refused"
    refusal: ClassVar[bool] = True

    issuer: str
    client: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutDelivered(AuditEvent):
    """An application was told that a session has ended, and said that it has done its part."""

    tag: ClassVar[str] = "logout:delivery:delivered"

    issuer: str
    client: str
    session: str
    person: str
    tries: int
    outcome: str
    last: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutUndelivered(AuditEvent):
    """An application was to be told that a session has ended, and did not answer well. `outcome` is the status of its
    answer, or why there was none; `last` says that it is not tried again."""

    tag: ClassVar[str] = "logout:delivery:failed"
    refusal: ClassVar[bool] = True

    issuer: str
    client: str
    session: str
    person: str
    tries: int
    outcome: str
    last: bool
