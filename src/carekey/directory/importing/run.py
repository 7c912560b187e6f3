"""One import from its first batch to its last.

After each batch is durable, a small file beside the input says how far the import came. If it stops there, for
whatever reason, it goes on from that place; if it stopped between the two, one batch is written twice, which
changes nothing.
"""

import asyncio
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgspec

from carekey.directory.events import ImportBegun, ImportEnded, RowsImported, RowsRefused
from carekey.directory.importing.landing import Landed, Rows, land
from carekey.directory.importing.row import Kind, Record, RowError, parse
from carekey.directory.importing.source import Line, Source
from carekey.directory.ports import DirectoryTx
from carekey.kernel.actor import Actor
from carekey.kernel.clock import Clock
from carekey.kernel.entropy import Entropy, reference
from carekey.kernel.ids import PersonId
from carekey.kernel.unit_of_work import Store

BATCH = 1000
"""Rows of one transaction: large enough to be fast, small enough not to keep log-ins waiting."""

OnLoss = Callable[[Any, Collection[PersonId], Actor, datetime], object]
"""What else happens, in the transaction of a batch, to people who lost a role in it or are no longer active."""


def nothing(_tx: object, _people: Collection[PersonId], _by: Actor, _now: datetime) -> None:
    """An `OnLoss`."""


class NothingToResume(Exception):
    """No import of this file was interrupted."""


class AnotherImport(Exception):
    """The file or the kind is not what the interrupted import had. `str()` of it says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an import came; also the form of the file that it is resumed from. Holds no personal data."""

    run: str
    """The reference under which the import stands on the audit record."""
    kind: Kind
    sha256: str
    line: int = 0
    offset: int = 0
    """In bytes, where the next line begins."""
    new: int = 0
    changed: int = 0
    same: int = 0
    wrong: int = 0
    errors: str | None = None
    """Name of the file of errors, once there is one."""
    errors_size: int = 0

    @property
    def rows(self) -> int:
        return self.new + self.changed + self.same + self.wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How an import ended."""

    progress: Progress
    finished: bool
    """False if it was stopped; it can then be resumed, unless it was a rehearsal."""
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    lines: dict[int, Line]
    rows: Rows
    refused: dict[int, RowError]
    last: Line


def state_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.import-state.json")


def interrupted(path: Path) -> Progress | None:
    """The import of this file that was begun and did not end."""
    try:
        return msgspec.json.decode(state_path(path).read_bytes(), type=Progress)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise AnotherImport(f"{state_path(path).name} cannot be read; remove it and begin again") from error


async def import_people(
    store: Store[DirectoryTx],
    path: Path,
    *,
    kind: Kind = Kind.PEOPLE,
    operator: Actor,
    clock: Clock,
    entropy: Entropy,
    dry_run: bool = False,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    on_batch: Callable[[Progress, int], None] = lambda _progress, _size: None,
    on_loss: OnLoss = nothing,
) -> Report:
    """Import a file. `stop` is asked between batches; `on_batch` is told the progress and the file's size in bytes.

    Raises: SourceError, NothingToResume, AnotherImport; what the store raises.
    """
    with Source(path, kind) as source:
        progress = _begin(source, entropy, resume=resume)
        errors = _Errors(source)
        progress = errors.recalled(progress)
        if not dry_run:
            begun = ImportBegun(
                at=clock.now(), actor=operator, reference=progress.run,
                run=progress.run, kind=kind, sha256=progress.sha256, resumed=resume,
            )  # fmt: skip
            await store.write(lambda tx: tx.audit.record(begun))
        for batch in _batches(source, progress):
            if stop():
                return await _end(store, progress, operator, clock, path, finished=False, dry_run=dry_run)
            landed = await _land(store, kind, batch, progress.run, operator, clock, on_loss, dry_run=dry_run)
            refused = dict(sorted((batch.refused | landed.refused).items()))
            progress = replace(
                progress,
                line=batch.last.number,
                offset=batch.last.end,
                new=progress.new + landed.count("new"),
                changed=progress.changed + landed.count("changed"),
                same=progress.same + landed.count("same"),
                wrong=progress.wrong + len(refused),
            )
            progress = errors.append(progress, [(batch.lines[line], error) for line, error in refused.items()])
            if not dry_run:
                _save(path, progress)
            on_batch(progress, source.size)
            await asyncio.sleep(0)
        return await _end(store, progress, operator, clock, path, finished=True, dry_run=dry_run)


def _begin(source: Source, entropy: Entropy, *, resume: bool) -> Progress:
    sha256 = source.digest()
    if not resume:
        return Progress(run=reference(entropy), kind=source.kind, sha256=sha256)
    before = interrupted(source.path)
    if before is None:
        raise NothingToResume
    if before.sha256 != sha256:
        raise AnotherImport("the file has changed since; import it from the start")
    if before.kind != source.kind:
        raise AnotherImport(f"the interrupted import was one of {before.kind}")
    return before


def _batches(source: Source, progress: Progress) -> Iterator[_Batch]:
    lines = source.lines(start=progress.offset, number=progress.line)
    while chunk := list(islice(lines, BATCH)):
        rows: list[tuple[int, Record]] = []
        refused: dict[int, RowError] = {}
        for line in chunk:
            try:
                rows.append((line.number, parse(source.kind, source.values(line))))
            except RowError as error:
                refused[line.number] = error
        yield _Batch(lines={line.number: line for line in chunk}, rows=rows, refused=refused, last=chunk[-1])


async def _land(
    store: Store[DirectoryTx],
    kind: Kind,
    batch: _Batch,
    run: str,
    operator: Actor,
    clock: Clock,
    on_loss: OnLoss,
    *,
    dry_run: bool,
) -> Landed:
    now = clock.now()
    if dry_run:
        return await store.read(lambda tx: land(tx, kind, batch.rows, now=now, dry_run=True))

    def work(tx: DirectoryTx) -> Landed:
        landed = land(tx, kind, batch.rows, now=now)
        if landed.lost:
            on_loss(tx, sorted(landed.lost), operator, now)
        if landed.effects:
            tx.audit.record(
                RowsImported(
                    at=now, actor=operator, reference=run, run=run, kind=kind,
                    first_line=min(landed.effects), last_line=max(landed.effects),
                    new=landed.count("new"), changed=landed.count("changed"), same=landed.count("same"),
                )
            )  # fmt: skip
        if refused := tuple(sorted({*batch.refused, *landed.refused})):
            tx.audit.record(RowsRefused(at=now, actor=operator, reference=run, run=run, kind=kind, lines=refused))
        return landed

    return await store.write(work)


async def _end(
    store: Store[DirectoryTx],
    progress: Progress,
    operator: Actor,
    clock: Clock,
    path: Path,
    *,
    finished: bool,
    dry_run: bool,
) -> Report:
    if not dry_run:
        ended = ImportEnded(
            at=clock.now(), actor=operator, reference=progress.run, run=progress.run, kind=progress.kind,
            finished=finished, new=progress.new, changed=progress.changed, same=progress.same, wrong=progress.wrong,
        )  # fmt: skip
        await store.write(lambda tx: tx.audit.record(ended))
        if finished:
            state_path(path).unlink(missing_ok=True)
        else:
            _save(path, progress)
    return Report(progress=progress, finished=finished, dry_run=dry_run)


class _Errors:
    """The file of wrong rows, made when the first one comes. It is readable by its owner alone: it holds what
    the input holds. An older one is never overwritten, for somebody may be correcting it."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def recalled(self, progress: Progress) -> Progress:
        """Cut off what was written after the last durable batch: it comes again. If the file was taken away
        meanwhile, the next wrong row begins another."""
        if progress.errors:
            try:
                os.truncate(self._source.path.with_name(progress.errors), progress.errors_size)
            except FileNotFoundError:
                return replace(progress, errors=None, errors_size=0)
        return progress

    def append(self, progress: Progress, refused: list[tuple[Line, RowError]]) -> Progress:
        """The progress with the file's name and new size."""
        if not refused:
            return progress
        path = self._source.path.with_name(progress.errors) if progress.errors else self._create()
        with path.open("ab") as file:
            for line, error in refused:
                file.write(self._source.line_with_error(line, error))
            file.flush()
            os.fsync(file.fileno())
            return replace(progress, errors=path.name, errors_size=file.tell())

    def _create(self) -> Path:
        stem, suffix = self._source.path.stem.removesuffix(".errors"), self._source.path.suffix
        for number in count(1):
            path = self._source.path.with_name(f"{stem}.errors{'' if number == 1 else f'-{number}'}{suffix}")
            with suppress(FileExistsError):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(self._source.heading_with_error())
                return path
        raise AssertionError("there is always a next number")


def _save(path: Path, progress: Progress) -> None:
    target = state_path(path)
    draft = target.with_suffix(".tmp")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(asdict(progress)))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
