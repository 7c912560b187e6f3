"""What the audit record says of metadata."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataTakenUp(AuditEvent):
    """A newer BLOB of a FIDO metadata service is what models are judged by from now on."""

    tag: ClassVar[str] = "metadata:blob:taken-up"

    source: str
    number: int
    next_update: str
    models: int
    skipped: int
    """Entries that could not be read, and were left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataRefused(AuditEvent):
    """What came as a BLOB could not be relied on, or was older than the one that is kept. That one stays in use."""

    tag: ClassVar[str] = "metadata:blob:refused"
    refusal: ClassVar[bool] = True

    source: str
    reason: str
