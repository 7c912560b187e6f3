"""What can be confirmed (section 7), and requests that a strict client would take (section 3)."""

import struct

import pytest
from msgspec import UNSET

from carekey.authenticators.uaf import policy, transaction
from carekey.authenticators.uaf.messages import DisplayPNGCharacteristics, Rgb
from carekey.authenticators.uaf.tests.phone import Model
from carekey.authenticators.uaf.tests.server import Server
from carekey.kernel.assurance import AAL


def png(color_type: int = 3, *, palette: bytes = b"\0\0\0\xff\xff\xff", header: bytes | None = None) -> bytes:
    header = struct.pack(">IIBBBBB", 320, 200, 1, color_type, 0, 0, 0) if header is None else header
    chunks = [(b"IHDR", header), (b"PLTE", palette), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + b"crc." for name, data in chunks
    )


def test_7_1_an_image_says_what_it_needs():
    expected = DisplayPNGCharacteristics(
        width=320,
        height=200,
        bit_depth=1,
        color_type=3,
        compression=0,
        filter=0,
        interlace=0,
        plte=(Rgb(r=0, g=0, b=0), Rgb(r=255, g=255, b=255)),
    )
    assert transaction.image(png()).png == expected
    assert transaction.characteristics(png(2)).plte is UNSET


@pytest.mark.parametrize(
    "image",
    [b"", b"GIF89a", png()[:-1], png()[:20], png(header=b"short"), png(palette=b"\0\0"), b"\x89PNG\r\n\x1a\n"],
)
def test_7_1_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError):
        transaction.image(image)


@pytest.mark.parametrize("text", ["", "x" * 201, "Prescribe 5µg", "\x00", "tab\t"])
def test_7_1_a_text_is_ascii_and_short(text):
    with pytest.raises(ValueError):
        transaction.plain_text(text)


@pytest.mark.parametrize("options", [{"username": ""}, {"username": "x" * 129}])
def test_3_a_request_that_a_client_would_refuse_is_not_sent(options):
    with pytest.raises(ValueError):
        Server.trusting(Model()).registration_request(**options)


def test_5_1_a_policy_that_accepts_nothing_is_not_sent():
    with pytest.raises(ValueError):
        Server.trusting(Model()).registration_request(accepted=policy.approved([]), enrolled_at=AAL.AAL3)
