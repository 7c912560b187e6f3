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
