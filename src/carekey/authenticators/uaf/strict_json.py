"""JSON that has one reading only (section 3): what two parsers could understand differently is refused."""

import json
import math
from typing import Any, Never

from carekey.authenticators.uaf.status import Reason, UafError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16


def read(text: str | bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value of a JSON text.

    Raises: UafError with TOO_LARGE, NOT_JSON, DUPLICATE_MEMBER, TOO_DEEP, NULL_VALUE, LONE_SURROGATE or
    NON_FINITE_NUMBER.
    """
    if len(text) > max_bytes:
        raise UafError(Reason.TOO_LARGE)
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        if not decoded.isascii() and len(decoded.encode()) > max_bytes:
            raise UafError(Reason.TOO_LARGE)
    except UnicodeEncodeError:
        raise UafError(Reason.LONE_SURROGATE) from None
    except UnicodeDecodeError:
        raise UafError(Reason.NOT_JSON) from None
    try:
        value = _DECODER.decode(decoded)
    except RecursionError:
        raise UafError(Reason.TOO_DEEP) from None
    except ValueError:
        raise UafError(Reason.NOT_JSON) from None
    # What is not in the text need not be looked for in the value: an ordinary message has none of these.
    if "\\u" in decoded or "null" in decoded or decoded.count("[") + decoded.count("{") > MAX_DEPTH:
        _check(value, MAX_DEPTH)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UafError(Reason.DUPLICATE_MEMBER)
    return members


def _not_a_number(_: str) -> Never:
    raise UafError(Reason.NON_FINITE_NUMBER)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_a_number(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_not_a_number, parse_float=_finite)


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif value is None:
        raise UafError(Reason.NULL_VALUE)
    elif isinstance(value, dict | list):
        if depth == 0:
            raise UafError(Reason.TOO_DEEP)
        if isinstance(value, dict):
            for name in value:
                _check_text(name)
            value = value.values()
        for item in value:
            _check(item, depth - 1)


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UafError(Reason.LONE_SURROGATE) from None
