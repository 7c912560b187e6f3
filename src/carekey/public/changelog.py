"""Reads CHANGELOG.md. Source: Keep a Changelog 1.1.0."""

import re
from dataclasses import dataclass
from datetime import date

_RELEASE = re.compile(r"## \[?(?P<name>[^\]]+?)\]?(?: (?:-|–) (?P<date>\d{4}-\d\d-\d\d))?(?P<yanked> \[YANKED\])?\s*")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Text:
    words: str
    code: bool = False


Entry = tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    kind: str
    """Added, Changed, Deprecated, Removed, Fixed or Security."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    version: str | None
    """None for what is not released yet."""
    day: date | None
    yanked: bool
    changes: tuple[Changes, ...]


def parse(text: str) -> tuple[Release, ...]:
    """The releases in the order of the file, which is newest first. What is in no release or kind is passed over."""
    return tuple(
        release for section in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:] if (release := _release(section))
    )


def _release(section: str) -> Release | None:
    heading, _, body = section.partition("\n")
    found = _RELEASE.fullmatch(heading)
    if found is None:
        return None
    kinds = re.split(r"^### ", body, flags=re.MULTILINE)[1:]
    return Release(
        version=None if found["name"].lower() == "unreleased" else found["name"],
        day=_day(found["date"]),
        yanked=found["yanked"] is not None,
        changes=tuple(_changes(kind) for kind in kinds),
    )


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _changes(section: str) -> Changes:
    kind, _, body = section.partition("\n")
    items = re.split(r"^[-*] ", body, flags=re.MULTILINE)[1:]
    return Changes(kind=kind.strip(), entries=tuple(_entry(item) for item in items))


def _entry(item: str) -> Entry:
    """One entry, whose lines may be wrapped; of Markdown inside it, code and links are understood."""
    words = _LINK.sub(r"\1", " ".join(item.split()))
    parts = words.split("`")
    return tuple(Text(part, code=bool(position % 2)) for position, part in enumerate(parts) if part)
