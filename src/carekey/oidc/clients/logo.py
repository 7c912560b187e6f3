"""`logo_uri`: the application's mark on the page where a person decides to share with it (OpenID Connect Registration
section 2).

It is fetched once, when it is registered, and kept: a page that loaded it from the client would tell the client of
every log-in, and let it change what people see while they decide. It has to be a small PNG, and nothing is kept of it
but the picture: no text, no animation, no colour profile, nothing behind its end.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from carekey.kernel.ids import ClientId, IssuerName
from carekey.login.ports import Logos
from carekey.oidc.client_auth.keys import Fetch
from carekey.oidc.fetch import FetchFailed
from carekey.oidc.model import Client

LARGEST = 32 * 1024
"""Bytes of the file."""
SIDE = 512
"""Pixels."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_LONGEST = {b"PLTE": 3 * 256, b"tRNS": 256, b"IEND": 0}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel, by colour type."""
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits of a sample (PNG section 11.2.1)."""


class Flaw(StrEnum):
    TOO_LARGE = "too_large"
    NOT_PNG = "not_png"
    TOO_MANY_PIXELS = "too_many_pixels"


class Unfit(Exception):
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.value)
        self.flaw = flaw


@dataclass(frozen=True, slots=True)
class Logo:
    picture: bytes | None = None
    """A PNG."""
    outcome: str = ""
    """For the record: `kept`, or why there is none. Empty if there was nothing to fetch."""


async def fetched(client: Client, fetch: Fetch) -> Logo:
    """What is at the client's `logo_uri`. No logo keeps nobody from registering. People are shown none of an
    application that does not ask them, and nothing is fetched then."""
    if client.logo_uri is None or not client.consent:
        return Logo()
    try:
        return Logo(picture(await fetch(client.logo_uri)), "kept")
    except (FetchFailed, Unfit) as failed:
        return Logo(outcome=failed.flaw.value)


def keep(logos: Logos, issuer: IssuerName, client: ClientId, logo: Logo) -> None:
    """In place of what was kept before."""
    if logo.picture is None:
        logos.remove(issuer, client)
    else:
        logos.put(issuer, client, logo.picture)


def picture(file: bytes) -> bytes:
    """The picture in a PNG file, as a PNG of nothing else. Pure. Raises: Unfit."""
    if len(file) > LARGEST:
        raise Unfit(Flaw.TOO_LARGE)
    chunks = list(_chunks(file))
    names = [name for name, _ in chunks]
    if names[0] != b"IHDR" or names[-1] != b"IEND" or names.count(b"IHDR") != 1 or names.count(b"PLTE") > 1:
        raise Unfit(Flaw.NOT_PNG)
    if any(name not in _KEPT and not name[0] & 0x20 for name in names):  # critical, and not known
        raise Unfit(Flaw.NOT_PNG)
    if any(len(data) > _LONGEST.get(name, LARGEST) for name, data in chunks):
        raise Unfit(Flaw.NOT_PNG)
    _check_pixels(chunks[0][1], b"".join(data for name, data in chunks if name == b"IDAT"))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks if name in _KEPT)


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """As far as the end of the picture. Raises: Unfit."""
    if not file.startswith(_SIGNATURE):
        raise Unfit(Flaw.NOT_PNG)
    at, name = len(_SIGNATURE), b""
    while name != b"IEND":
        if len(file) < at + 12:
            raise Unfit(Flaw.NOT_PNG)
        length, name = struct.unpack_from(">I4s", file, at)
        data = file[at + 8 : at + 8 + length]
        end = at + 8 + length
        if len(file) < end + 4 or struct.unpack_from(">I", file, end)[0] != zlib.crc32(name + data):
            raise Unfit(Flaw.NOT_PNG)
        yield name, data
        at = end + 4


def _check_pixels(header: bytes, packed: bytes) -> None:
    """Raises: Unfit, unless exactly the announced number of pixels is there."""
    if len(header) != 13:
        raise Unfit(Flaw.NOT_PNG)
    width, height, depth, colour, compression, filtering, interlaced = struct.unpack(">IIBBBBB", header)
    if depth not in _DEPTHS.get(colour, ()) or (compression, filtering, interlaced) != (0, 0, 0):
        raise Unfit(Flaw.NOT_PNG)
    if not (0 < width <= SIDE and 0 < height <= SIDE):
        raise Unfit(Flaw.TOO_MANY_PIXELS)
    size = height * (1 + (width * _SAMPLES[colour] * depth + 7) // 8)
    unpacking = zlib.decompressobj()
    try:
        unpacked = unpacking.decompress(packed, size + 1)
    except zlib.error:
        raise Unfit(Flaw.NOT_PNG) from None
    if len(unpacked) != size or not unpacking.eof or unpacking.unused_data:
        raise Unfit(Flaw.NOT_PNG)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
