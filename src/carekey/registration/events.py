"""What the audit record tells of decisions about a person."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(AuditEvent):
    """A person was suspended, closed or opened again. Whoever is not active cannot log in."""

    tag: ClassVar[str] = "registration:status:changed"

    person: str
    was: str
    status: str
    sessions_ended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WayRemoved(AuditEvent):
    """One of a person's ways to log in was taken away for good."""

    tag: ClassVar[str] = "registration:way:removed"

    person: str
    credential: str
    kind: str
    sessions_ended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleTaken(AuditEvent):
    """A role was taken away from a person: it ended at this moment."""

    tag: ClassVar[str] = "registration:role:taken"

    person: str
    role: str
    organisation: str
    sessions_ended: int
