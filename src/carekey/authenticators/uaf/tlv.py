"""UAFV1TLV: 16-bit little-endian tag and length, then the value (section 11.1)."""

from struct import Struct
from typing import NamedTuple

from carekey.authenticators.uaf.status import Reason, UafError

MAX_BYTES = 4096
MAX_DEPTH = 8
MAX_VALUE = 0xFFFF

_HEAD = 4
_TAG_AND_LENGTH = Struct("<HH")
_COMPOSITE = 0x1000
_CRITICAL = 0x2000
_TAG_BITS = 0x3FFF


class Element(NamedTuple):
    """`raw` is the element as it arrived, head included: signatures cover it whole."""

    tag: int
    value: bytes
    raw: bytes
    children: tuple["Element", ...] = ()

    @property
    def critical(self) -> bool:
        """A receiver that does not know the tag must abandon the message."""
        return bool(self.tag & _CRITICAL)


def read(data: bytes) -> Element:
    """The one element that fills `data`, with everything inside it.

    Raises: UafError with TLV (a length that overruns, or anything left over), TLV_TOO_DEEP or TLV_TOO_LARGE.
    """
    if len(data) > MAX_BYTES:
        raise UafError(Reason.TLV_TOO_LARGE)
    elements = _sequence(data, MAX_DEPTH)
    if len(elements) != 1:
        raise UafError(Reason.TLV, "not exactly one outer element")
    return elements[0]


def write(tag: int, *values: bytes) -> bytes:
    """An element of the values in a row. Raises: ValueError if tag or length cannot be expressed."""
    value = b"".join(values)
    if tag & ~_TAG_BITS or len(value) > MAX_VALUE:
        raise ValueError("tag or length out of range")
    return tag.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value


def _sequence(data: bytes, depth: int) -> tuple[Element, ...]:
    if depth == 0:
        raise UafError(Reason.TLV_TOO_DEEP)
    elements = []
    start, size = 0, len(data)
    while start < size:
        body = start + _HEAD
        if body > size:
            raise UafError(Reason.TLV, "an element overruns its parent")
        tag, length = _TAG_AND_LENGTH.unpack_from(data, start)
        end = body + length
        if end > size or tag > _TAG_BITS:
            raise UafError(Reason.TLV, "an element overruns its parent or uses an unused tag bit")
        value = data[body:end]
        children = _sequence(value, depth - 1) if tag & _COMPOSITE else ()
        elements.append(Element(tag, value, data[start:end], children))
        start = end
    return tuple(elements)
