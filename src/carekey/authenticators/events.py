"""What the audit record says of ways to log in, of whatever kind."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRemoved(AuditEvent):
    """A way to log in was taken from a person. Nobody logs in with it any more."""

    tag: ClassVar[str] = "credential:way:removed"

    person: str
    credential: str
    kind: str
