"""How values are written down: the same in every database, so that none needs types of its own."""

import hashlib
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from carekey.kernel.event import AuditEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_json = msgspec.json.Encoder()


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(count: int) -> datetime:
    return _EPOCH + timedelta(microseconds=count)


def maybe_to_micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def maybe_from_micros(count: int | None) -> datetime | None:
    return None if count is None else _EPOCH + timedelta(microseconds=count)


def to_json(value: Any) -> str:
    """JSON text. Half a surrogate pair, which no database can keep, becomes U+FFFD."""
    try:
        return _json.encode(value).decode()
    except UnicodeEncodeError:
        return _json.encode(_storable(msgspec.to_builtins(value))).decode()


def storable_text(text: str) -> str:
    """The text without what a database cannot keep: half surrogate pairs, and NUL (PostgreSQL)."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def digest_of(*parts: str) -> bytes:
    """A short key for texts of any length. No two lists of texts have the same."""
    return hashlib.sha256(to_json(parts).encode()).digest()


def own_fields(event: AuditEvent) -> dict[str, Any]:
    """What an audit event has beyond the columns that all events share."""
    kind = type(event)
    names = _own_names.get(kind)
    if names is None:
        names = _own_names[kind] = tuple(field.name for field in fields(kind) if field.name not in _SHARED)
    return {name: getattr(event, name) for name in names}


_SHARED = frozenset(field.name for field in fields(AuditEvent))
_own_names: dict[type[AuditEvent], tuple[str, ...]] = {}


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value
