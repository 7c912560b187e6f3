"""A file, line by line: what can be read of each line, and where the next one begins.

One line is one row, in both formats: a value holds no line break. So a stray quotation mark spoils its own row
and not the rest of the file, memory is bounded, and an import can go on from any line's position.
"""

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from io import BufferedReader
from pathlib import Path
from typing import Any, Self

import msgspec

from carekey.directory.importing.row import OPTIONAL, REQUIRED, Kind, Problem, RowError

ERROR = "error"
"""The column of a file of errors that says what was wrong. When the file is fed back it is passed over."""

_LONGEST = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_FIRST_FIELD = re.compile(rb'(?:"(?:[^"]|"")*"|[^",]*),')


class SourceError(Exception):
    """The file as a whole cannot be imported. `str()` of it is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands in the file, with its place."""

    number: int
    """From 1, the heading of a CSV file included."""
    raw: bytes
    end: int
    """Where the next line begins, in bytes."""


class Source:
    """A CSV or JSON Lines file, told by its name. Opened by `with`.

    Raises: SourceError if the file cannot be read or its heading is wrong, on opening.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        self.path = path
        self.kind = kind
        self.columns: tuple[str, ...] = ()
        self.size = 0
        self._file: BufferedReader
        match path.suffix.lower():
            case ".csv":
                self.csv = True
            case ".jsonl" | ".ndjson":
                self.csv = False
            case _:
                raise SourceError(f"{path.name} is neither .csv nor .jsonl")

    def __enter__(self) -> Self:
        try:
            self._file = self.path.open("rb")
            self.size = self.path.stat().st_size
        except OSError as error:
            raise SourceError(f"{self.path.name} cannot be read: {error.strerror}") from error
        try:
            if self.csv:
                self._read_heading()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def digest(self) -> str:
        """SHA-256 of the whole file, in hexadecimal: an import is resumed only on the file that it began with."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def lines(self, *, start: int = 0, number: int = 0) -> Iterator[Line]:
        """Every line that is not blank, from byte `start`, which follows line `number`. By default the first."""
        self._file.seek(start)
        while raw := self._file.readline(_LONGEST + 1):
            number += 1
            long = raw
            while len(long) > _LONGEST and not long.endswith(b"\n"):
                long = self._file.readline(_LONGEST + 1)
                if not long:
                    break
            line = raw.rstrip(b"\r\n")
            if number == 1:
                line = line.removeprefix(_BOM)
                if self.csv:
                    continue
            if line.strip():
                yield Line(number, line, self._file.tell())

    def values(self, line: Line) -> Mapping[str, Any]:
        """The names and values of the line.

        Raises: RowError.
        """
        if len(line.raw) > _LONGEST:
            raise _wrong(f"is longer than {_LONGEST} bytes")
        try:
            text = line.raw.decode()
        except UnicodeDecodeError as error:
            raise _wrong("is not UTF-8") from error
        found = self._csv_values(text) if self.csv else _json_values(text)
        return {name: value for name, value in found.items() if name != ERROR}

    def heading_with_error(self) -> bytes:
        """The first line of a file of errors for this one."""
        if not self.csv:
            return b""
        return ",".join((ERROR, *(name for name in self.columns if name != ERROR))).encode() + b"\n"

    def line_with_error(self, line: Line, error: RowError) -> bytes:
        """The line with what was wrong with it, to be corrected and fed back; otherwise byte for byte as it came."""
        if self.csv:
            raw = line.raw
            if self.columns[0] == ERROR and (first := _FIRST_FIELD.match(raw)):
                raw = raw[first.end() :]
            return b'"' + str(error).replace('"', '""').encode() + b'",' + raw + b"\n"
        try:
            values = dict(self.values(line))
        except RowError:
            return msgspec.json.encode({ERROR: str(error), "line": line.raw.decode(errors="replace")}) + b"\n"
        return msgspec.json.encode({ERROR: str(error)} | values) + b"\n"

    def _csv_values(self, text: str) -> Mapping[str, str]:
        cells = _cells(text)
        if len(cells) > len(self.columns) and not any(cells[len(self.columns) :]):
            cells = cells[: len(self.columns)]  # spreadsheets leave empty cells behind
        if len(cells) != len(self.columns):
            raise _wrong(f"has {len(cells)} values for {len(self.columns)} columns")
        return dict(zip(self.columns, cells, strict=True))

    def _read_heading(self) -> None:
        raw = self._file.readline(_LONGEST + 1)
        try:
            columns = _cells(raw.rstrip(b"\r\n").removeprefix(_BOM).decode())
        except (UnicodeDecodeError, RowError) as error:
            raise SourceError(f"the heading of {self.path.name} cannot be read") from error
        self.columns = tuple(column.strip().lower() for column in columns)
        check_columns(self.columns, self.kind)


def check_columns(columns: Sequence[str], kind: Kind) -> None:
    """Raises: SourceError: a column that nobody reads would be data lost in silence."""
    known = (*REQUIRED[kind], *(name for name in OPTIONAL[kind] if name != "roles"), ERROR)
    if missing := [name for name in REQUIRED[kind] if name not in columns]:
        raise SourceError(f"there is no column {missing[0]}; {kind} need {', '.join(REQUIRED[kind])}")
    for name in columns:
        if name not in known:
            meant = get_close_matches(name, known, 1)
            hint = f"did you mean {meant[0]}?" if meant else f"known columns are {', '.join(known[:-1])}"
            raise SourceError(f"column {name!r} is not known; {hint}")
        if columns.count(name) > 1:
            raise SourceError(f"column {name} stands twice")


def _cells(text: str) -> list[str]:
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise _wrong("has a quotation mark that does not belong") from error
    return rows[0] if rows else []


def _json_values(text: str) -> Mapping[str, Any]:
    try:
        values = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _wrong("is not JSON") from error
    if not isinstance(values, dict):
        raise _wrong("is not a JSON object")
    return values


def _wrong(rule: str) -> RowError:
    return RowError(Problem("", f"this line {rule}"))
