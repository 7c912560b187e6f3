"""What the audit record tells of signing keys."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMade(AuditEvent):
    """A signing key was made and is published from now on."""

    tag: ClassVar[str] = "key:signing:made"
    issuer: str
    key: str
    alg: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMoved(AuditEvent):
    """A signing key came into use or went out of use."""

    tag: ClassVar[str] = "key:signing:moved"
    issuer: str
    key: str
    was: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRemoved(AuditEvent):
    """A retired signing key was destroyed: nothing that it signed is valid any longer."""

    tag: ClassVar[str] = "key:signing:removed"
    issuer: str
    key: str
