"""The logo of an application: what is taken for a picture, and what is kept of it."""

import struct
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carekey.oidc.clients import logo
from carekey.oidc.clients.logo import LARGEST, Flaw, Logo, Unfit, picture
from carekey.oidc.fetch import FetchFailed
from carekey.oidc.fetch import Flaw as FetchFlaw
from carekey.oidc.tests.world import WARD_CLIENT

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, data: bytes = b"", *, crc: int | None = None) -> bytes:
    sealed = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", sealed)


def header(*, width: int = 3, height: int = 2, depth: int = 8, colour: int = 2, more: bytes = b"\0\0\0") -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBB", width, height, depth, colour) + more)


def pixels(rows: int = 2, row: bytes = b"\0" + b"\xc8\x10\x2e" * 3) -> bytes:
    return chunk(b"IDAT", zlib.compress(row * rows))


END = chunk(b"IEND")
GOOD = SIGNATURE + header() + pixels() + END


def test_a_png_is_kept_byte_for_byte() -> None:
    assert picture(GOOD) == GOOD


def test_nothing_is_kept_but_the_picture() -> None:
    beside = chunk(b"tEXt", b"Comment\0made by") + chunk(b"acTL", b"\0\0\0\2\0\0\0\0") + chunk(b"iCCP", b"x\0\0x")
    behind = b"<script>alert(1)</script>"
    assert picture(SIGNATURE + header() + beside + pixels() + beside + END + behind) == GOOD


@pytest.mark.parametrize(
    ("file", "flaw"),
    [
        (b"", Flaw.NOT_PNG),
        (b"GIF89a", Flaw.NOT_PNG),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Flaw.NOT_PNG),
        (SIGNATURE, Flaw.NOT_PNG),
        (GOOD[:-1], Flaw.NOT_PNG),
        (SIGNATURE + header() + pixels(), Flaw.NOT_PNG),
        (SIGNATURE + pixels() + header() + END, Flaw.NOT_PNG),
        (SIGNATURE + header() + header() + pixels() + END, Flaw.NOT_PNG),
        (SIGNATURE + header() + END, Flaw.NOT_PNG),
        (SIGNATURE + header() + pixels(rows=1) + END, Flaw.NOT_PNG),
        (SIGNATURE + header() + pixels(rows=3) + END, Flaw.NOT_PNG),
        (SIGNATURE + header() + chunk(b"IDAT", b"no zlib") + END, Flaw.NOT_PNG),
        (SIGNATURE + header() + chunk(b"IDAT", zlib.compress(b"\0" * 20) + b"more") + END, Flaw.NOT_PNG),
        (SIGNATURE + header() + pixels() + chunk(b"IEND", b"more"), Flaw.NOT_PNG),
        (SIGNATURE + header() + chunk(b"PLTE", b"m" * 771) + pixels() + END, Flaw.NOT_PNG),
        (SIGNATURE + header() + chunk(b"ABCD") + pixels() + END, Flaw.NOT_PNG),
        (SIGNATURE + header() + chunk(b"IDAT", zlib.compress(b"\0" * 20), crc=7) + END, Flaw.NOT_PNG),
        (SIGNATURE + header(depth=4) + pixels() + END, Flaw.NOT_PNG),
        (SIGNATURE + header(colour=5) + pixels() + END, Flaw.NOT_PNG),
        (SIGNATURE + header(more=b"\0\0\1") + pixels() + END, Flaw.NOT_PNG),
        (SIGNATURE + header(more=b"\0\0\0\0") + pixels() + END, Flaw.NOT_PNG),
        (SIGNATURE + header(width=0) + pixels() + END, Flaw.TOO_MANY_PIXELS),
        (SIGNATURE + header(width=513) + pixels() + END, Flaw.TOO_MANY_PIXELS),
        (SIGNATURE + header(height=2**31 - 1) + pixels(rows=2) + END, Flaw.TOO_MANY_PIXELS),
        (SIGNATURE + header(width=512, height=512) + pixels(rows=1_000_000) + END, Flaw.NOT_PNG),
        (GOOD + b"\0" * LARGEST, Flaw.TOO_LARGE),
    ],
)
def test_what_is_no_small_png_is_not_kept(file: bytes, flaw: Flaw) -> None:
    with pytest.raises(Unfit) as refused:
        picture(file)
    assert refused.value.flaw is flaw


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda more: GOOD[: len(GOOD) - len(more)] + more))
def test_whatever_is_fetched_is_a_picture_or_refused(file: bytes) -> None:
    with suppress(Unfit):
        assert picture(picture(file)) == picture(file)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "answer", "kept"),
    [
        ({}, GOOD, Logo(GOOD, "kept")),
        ({}, b"GIF89a", Logo(None, "not_png")),
        ({}, FetchFailed(FetchFlaw.FORBIDDEN_ADDRESS), Logo(None, "forbidden_address")),
        ({"logo_uri": None}, GOOD, Logo()),
        ({"consent": False}, GOOD, Logo()),
    ],
)
async def test_registration_2_a_logo_is_fetched_for_those_whom_people_decide_about(
    changes: dict[str, Any], answer: Any, kept: Logo
) -> None:
    asked: list[str] = []

    async def fetch(url: str) -> bytes:
        asked.append(url)
        if isinstance(answer, Exception):
            raise answer
        found: bytes = answer
        return found

    address = "https://ward.example/logo.png"
    client = replace(WARD_CLIENT, **{"consent": True, "logo_uri": address, **changes})
    assert await logo.fetched(client, fetch) == kept
    assert asked == ([address] if kept.outcome else [])
