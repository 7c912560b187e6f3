"""What the audit record says of phones that want to be told. Never where: the address is a secret."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from carekey.kernel.event import AuditEvent


class Because(StrEnum):
    PHONE = "phone"
    """Its person no longer wants it."""
    GONE = "gone"
    """The push service says that there is no such subscription (any more)."""
    REMOVED = "removed"
    """The registration of the phone has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSubscribed(AuditEvent):
    """A phone is to be told by its push service when something waits for its person."""

    tag: ClassVar[str] = "push:subscription:kept"

    credential: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushUnsubscribed(AuditEvent):
    """A phone is told no more when something waits: its person wants it so, or there is no such phone any more."""

    tag: ClassVar[str] = "push:subscription:removed"

    credential: str
    because: str
