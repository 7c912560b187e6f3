"""The base of every audit event.

Each slice declares its own events in its `events.py`: one dataclass an event, named in the past tense,
with a `tag` of the form `subject:thing:action` that is never used again for anything else.
An event is recorded where the decision is made, in the transaction of the change; a refusal is an event too.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from carekey.kernel.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """Fields of subclasses are plain values (text, numbers, tuples); never a secret, a code or a token."""

    tag: ClassVar[str]
    refusal: ClassVar[bool] = False

    at: datetime
    actor: Actor
    reference: str = ""
    """The code shown to the person or logged with the request, by which support finds this event."""


class Recorder(Protocol):
    def record(self, event: AuditEvent) -> None:
        """Append the event; it becomes durable with the transaction, or not at all."""
        ...
