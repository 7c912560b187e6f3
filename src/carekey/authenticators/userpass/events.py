"""What the audit record says of user names and passwords."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSet(AuditEvent):
    """A person was given a user name and password for a sandbox, or a new password."""

    tag: ClassVar[str] = "userpass:password:set"

    person: str
    credential: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogInRefused(AuditEvent):
    """A user name and password were not accepted for a log-in."""

    tag: ClassVar[str] = "userpass:log-in:refused"
    refusal: ClassVar[bool] = True

    login: str
    reason: str
    credential: str = ""
    """The credential of the user name, if there is one. What was typed is not kept: it may be a password."""
