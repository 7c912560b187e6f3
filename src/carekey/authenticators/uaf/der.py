"""As much DER as UAF needs: definite lengths in their shortest form, and nothing left over (X.690 section 10)."""

INTEGER = 0x02
OCTET_STRING = 0x04
ENUMERATED = 0x0A
SEQUENCE = 0x30
SET = 0x31


def explicit(number: int) -> int:
    """The tag [number] EXPLICIT."""
    if number < 31:
        return 0xA0 | number
    low, high = number & 0x7F, number >> 7
    return 0xBF << 16 | (0x80 | high) << 8 | low if high else 0xBF << 8 | low


def items(data: bytes) -> list[tuple[int, bytes]]:
    """Tags (identifier octets read as one number) and contents of the values in a row.

    Raises: ValueError.
    """
    found = []
    while data:
        tag, content, data = _next(data)
        found.append((tag, content))
    return found


def only(data: bytes, tag: int) -> bytes:
    """The content of the one value that fills `data`. Raises: ValueError."""
    match items(data):
        case [(found, content)] if found == tag:
            return content
    raise ValueError("another value was expected")


def integer(data: bytes) -> int:
    """Raises: ValueError."""
    if not data:
        raise ValueError("an integer has at least one byte")
    return int.from_bytes(data, "big", signed=True)


def _next(data: bytes) -> tuple[int, bytes, bytes]:
    at = 1
    if data[0] & 0x1F == 0x1F:
        while at < len(data) and data[at] & 0x80:
            at += 1
        at += 1
    if at > 3 or at >= len(data):
        raise ValueError("bad tag")
    tag = int.from_bytes(data[:at], "big")
    length = data[at]
    at += 1
    if length & 0x80:
        octets = data[at : at + (length & 0x7F)]
        at += len(octets)
        length = int.from_bytes(octets, "big")
        if not 1 <= len(octets) <= 2 or octets[0] == 0 or length < 0x80:
            raise ValueError("bad length")
    if at + length > len(data):
        raise ValueError("a value overruns its parent")
    return tag, data[at : at + length], data[at + length :]
