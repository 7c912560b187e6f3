"""What the directory writes on the audit record."""

from dataclasses import dataclass
from typing import ClassVar

from carekey.kernel.event import AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportBegun(AuditEvent):
    """An operator began, or resumed, an import from a file into the directory."""

    tag: ClassVar[str] = "directory:import:begun"

    run: str
    kind: str
    sha256: str
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsImported(AuditEvent):
    """A batch of an import was written: what its rows changed, by the file's line numbers."""

    tag: ClassVar[str] = "directory:import:rows-imported"

    run: str
    kind: str
    first_line: int
    last_line: int
    new: int
    changed: int
    same: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRefused(AuditEvent):
    """Rows of an import were wrong and changed nothing."""

    tag: ClassVar[str] = "directory:import:rows-refused"
    refusal: ClassVar[bool] = True

    run: str
    kind: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportEnded(AuditEvent):
    """An import came to the end of its file, or the operator stopped it."""

    tag: ClassVar[str] = "directory:import:ended"

    run: str
    kind: str
    finished: bool
    new: int
    changed: int
    same: int
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPeopleLoaded(AuditEvent):
    """The invented people of the demonstration were written to the directory."""

    tag: ClassVar[str] = "directory:demo:loaded"

    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUpDirectoryLoaded(AuditEvent):
    """A large invented directory was generated for measuring and written."""

    tag: ClassVar[str] = "directory:made-up:loaded"

    seed: int
    people: int
    role_profiles: int
    organisations: int
