"""What the audit record says of workstations."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkstationEnrolled(AuditEvent):
    """A workstation's companion may tell of cards from now on."""

    tag: ClassVar[str] = "workstation:workstation:enrolled"

    workstation: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkstationRevoked(AuditEvent):
    """A workstation's companion is believed no more."""

    tag: ClassVar[str] = "workstation:workstation:revoked"

    workstation: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPutIn(AuditEvent):
    """A companion said that a card is in its reader."""

    tag: ClassVar[str] = "workstation:card:in"

    workstation: str
    card: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTakenOut(AuditEvent):
    """A card left a reader, by its companion's word or because it turned up in another."""

    tag: ClassVar[str] = "workstation:card:out"

    workstation: str
    card: str
    person: str
    policy: str
    sessions: int
    """How many ended or were locked."""
    seen_at: str = ""
    """The workstation where it turned up instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRefused(AuditEvent):
    """A statement in an enrolled workstation's name was not believed, and changed nothing."""

    tag: ClassVar[str] = "workstation:statement:refused"
    refusal: ClassVar[bool] = True

    workstation: str
    reason: str
