"""What a person is asked to confirm, in the forms that the devices can show (section 7)."""

import hmac
import re
from collections.abc import Sequence

from msgspec import UNSET

from carekey.authenticators.uaf import algorithms, base64url
from carekey.authenticators.uaf.messages import DisplayPNGCharacteristics, Rgb, Transaction
from carekey.authenticators.uaf.statement import Statement

_PLAIN = re.compile(r"[\x20-\x7e\r\n]{1,200}")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = 13
_INDEXED = 3


def plain_text(text: str) -> Transaction:
    """Raises: ValueError if it is not 1 to 200 printable ASCII characters: nothing is transliterated silently."""
    if not _PLAIN.fullmatch(text):
        raise ValueError("a text to confirm is 1 to 200 printable ASCII characters")
    return Transaction(content_type="text/plain", content=base64url.encode(text.encode()))


def image(png: bytes) -> Transaction:
    """Raises: ValueError if it is not a PNG image."""
    return Transaction(content_type="image/png", content=base64url.encode(png), png=characteristics(png))


def characteristics(png: bytes) -> DisplayPNGCharacteristics:
    """What a display must be able to show for this image. Raises: ValueError."""
    chunks = _chunks(png)
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != _HEADER:
        raise ValueError("not a PNG image")
    header = chunks[0][1]
    palette = next((data for name, data in chunks if name == b"PLTE"), b"") if header[9] == _INDEXED else b""
    return DisplayPNGCharacteristics(
        width=int.from_bytes(header[0:4]),
        height=int.from_bytes(header[4:8]),
        bit_depth=header[8],
        color_type=header[9],
        compression=header[10],
        filter=header[11],
        interlace=header[12],
        plte=tuple(Rgb(r=r, g=g, b=b) for r, g, b in zip(*[iter(palette)] * 3, strict=True)) or UNSET,
    )


def can_show(
    statement: Statement, transaction: Transaction, reported: Sequence[DisplayPNGCharacteristics] = ()
) -> bool:
    """Whether a model shows this form. PNG characteristics `reported` at registration win over its metadata."""
    if not statement.tc_display or statement.tc_content_type != transaction.content_type:
        return False
    if transaction.content_type == "text/plain":
        return True
    return transaction.png in (tuple(reported) or statement.tc_png)


def confirmed(transactions: Sequence[Transaction], algorithm: int, hash: bytes) -> Transaction | None:
    """The form of which this is the hash: that of the content itself, not of its base64url text (section 7.2)."""
    found = None
    for transaction in transactions:
        content = base64url.decode(transaction.content)
        if hmac.compare_digest(algorithms.digest(algorithm, content), hash):
            found = transaction
    return found


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    if not png.startswith(_SIGNATURE):
        raise ValueError("not a PNG image")
    chunks, at = [], len(_SIGNATURE)
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += length + 12
    if at != len(png):
        raise ValueError("a truncated PNG image")
    return chunks
