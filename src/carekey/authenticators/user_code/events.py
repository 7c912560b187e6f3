"""What the audit record says of user codes. Never the code, nor anything by which it could be tried."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCodeChosen(AuditEvent):
    """A person chose the code that applications need to ask for them, or another in its place."""

    tag: ClassVar[str] = "account:user-code:chosen"

    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCodeRemoved(AuditEvent):
    """A person has no user code any more: they removed it, or an operator did."""

    tag: ClassVar[str] = "account:user-code:removed"

    person: str
