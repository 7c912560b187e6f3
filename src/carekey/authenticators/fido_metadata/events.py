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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBlocked(AuditEvent):
    """The operator's file blocks a model of phones from now on, or a block in it was changed."""

    tag: ClassVar[str] = "metadata:model:blocked"

    model: str
    versions: tuple[int, int]
    """The lowest and the highest that are blocked."""
    certificate: str
    """SHA-256, hexadecimal: new registrations under this attestation certificate alone. Empty: the model altogether."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUnblocked(AuditEvent):
    """A block has gone from the operator's file."""

    tag: ClassVar[str] = "metadata:model:unblocked"

    model: str
    versions: tuple[int, int]
    certificate: str
