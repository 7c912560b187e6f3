"""Takes the members of registration metadata out one by one, and notes what is wrong with each, so that everything is told
at once (RFC 7591 section 3.2.2)."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class FieldProblem:
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field} {self.problem}"


class InvalidMetadata(Exception):
    """RFC 7591 section 3.2.2. `problems` has one entry for each thing to put right."""

    def __init__(self, problems: Iterable[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))

    @property
    def code(self) -> str:
        about_redirects = all(problem.field == "redirect_uris" for problem in self.problems)
        return "invalid_redirect_uri" if about_redirects else "invalid_client_metadata"


T = TypeVar("T")


class Reader:
    """Takes members out one by one and notes what is wrong with them."""

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self.rest = dict(metadata)
        self.problems: list[FieldProblem] = []

    def refuse(self, field: str, problem: str) -> None:
        self.problems.append(FieldProblem(field, problem))

    def faulty(self, *fields: str) -> bool:
        return any(problem.field in fields for problem in self.problems)

    def take(self, field: str, default: T, what: str, sound: Callable[[Any], bool]) -> T:
        value = self.rest.pop(field, None)
        if value is None:
            return default
        if not sound(value):
            self.refuse(field, f"must be {what}")
            return default
        return value  # type: ignore[no-any-return]  # `sound` has just said so

    def text(self, field: str) -> str | None:
        return self.take(field, None, "a text of 1 to 2,000 characters", is_text)

    def flag(self, field: str) -> bool:
        return self.take(field, False, "true or false", lambda value: isinstance(value, bool))

    def texts(self, field: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        return tuple(
            self.take(
                field, default, "a list of texts", lambda value: isinstance(value, list) and all(map(is_text, value))
            )
        )

    def choice(self, field: str, default: str, allowed: Collection[str]) -> str:
        value = self.text(field) or default
        if value not in allowed:
            self.refuse(field, f"must be one of {', '.join(sorted(allowed))}")
            return default
        return value

    def choice_or_none(self, field: str, allowed: Collection[str]) -> str | None:
        value = self.text(field)
        if value is not None and value not in allowed:
            self.refuse(field, f"must be one of {', '.join(sorted(allowed))}")
            return None
        return value

    def address(self, field: str, *, plain: bool) -> str | None:
        """An address to fetch from or to link to. `plain`: http will do."""
        value = self.text(field)
        if value is None:
            return None
        if not _is_address(value, plain=plain):
            self.refuse(field, "must be an https address")
            return None
        return value

    def addresses(self, field: str, *, plain: bool) -> tuple[str, ...]:
        values = self.texts(field)
        if not all(_is_address(value.partition("#")[0], plain=plain) for value in values):
            self.refuse(field, "must be a list of https addresses")
        return values


def _is_address(value: str, *, plain: bool) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    good = parts.scheme in {"https", *(("http",) if plain else ())} and bool(parts.hostname)
    return good and "@" not in parts.netloc and not parts.fragment and value.isascii() and " " not in value


def is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 2000 and value.isprintable()


def origin_of(uri: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(uri)
        return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None
