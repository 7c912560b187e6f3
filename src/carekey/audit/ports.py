"""Reading the audit record back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from carekey.kernel.actor import Actor
from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event as it stands in the record."""

    id: int
    tag: str
    refusal: bool
    at: datetime
    actor: Actor
    reference: str
    data: Mapping[str, Any]
    """The event's own fields."""


class Audit(Protocol):
    """A `kernel.event.Recorder` that can be read."""

    def record(self, event: AuditEvent) -> None: ...

    def search(
        self,
        *,
        tag: str | None = None,
        actor: str | None = None,
        reference: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Recorded]:
        """Events in the order of recording, from after the given id."""
        ...


class AuditTx(Protocol):
    @property
    def audit(self) -> Audit: ...
