"""Write the PNG icons of CareKey Phone, which home screens want beside src/carekey/web/static/carekey.svg, whose mark they are.

.venv/bin/python tools/draw_icons.py
"""

import zlib
from dataclasses import dataclass
from math import hypot
from pathlib import Path

STATIC = Path(__file__).parent.parent / "src/carekey/web/static"

# The numbers of carekey.svg, in units of its view box.
SIDE = 32
CORNER = 7
GROUND = (0x10, 0x45, 0x4F)
MARK = (0xFF, 0xFF, 0xFF)
HEAD = (16.0, 12.0, 6.0)
STEM = ((13.0, 17.2), (19.0, 17.2), (21.0, 26.0), (11.0, 26.0))


@dataclass(frozen=True, slots=True)
class Icon:
    """`square`: the ground fills it to the edges, for a system that cuts the corners itself. The mark stays within the
    two fifths of the side, around the centre, that every such mask leaves (Web App Manifest, maskable)."""

    name: str
    pixels: int
    square: bool


ICONS = (
    Icon("carekey-192.png", 192, square=False),
    Icon("carekey-512.png", 512, square=False),
    Icon("carekey-maskable-512.png", 512, square=True),
    Icon("apple-touch-icon.png", 180, square=True),
)


# How far a point is outside of a shape; negative inside.


def _ground(x: float, y: float) -> float:
    half = SIDE / 2 - CORNER
    across, down = abs(x - SIDE / 2) - half, abs(y - SIDE / 2) - half
    return hypot(max(across, 0), max(down, 0)) + min(max(across, down), 0) - CORNER


def _mark(x: float, y: float) -> float:
    middle, height, radius = HEAD
    sides = zip(STEM, (*STEM[1:], STEM[0]), strict=True)
    stem = max(((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / hypot(bx - ax, by - ay) for (ax, ay), (bx, by) in sides)
    return min(hypot(x - middle, y - height) - radius, stem)


def scanlines(icon: Icon) -> bytes:
    """The pixels, as a PNG image holds them before they are compressed."""
    unit = SIDE / icon.pixels
    lines = bytearray()
    for row in range(icon.pixels):
        lines.append(0)  # no filter
        for column in range(icon.pixels):
            x, y = (column + 0.5) * unit, (row + 0.5) * unit
            white = _covered(_mark(x, y) / unit)
            lines += bytes(round(below + (above - below) * white) for below, above in zip(GROUND, MARK, strict=True))
            if not icon.square:
                lines.append(round(255 * _covered(_ground(x, y) / unit)))
    return bytes(lines)


def _covered(outside: float) -> float:
    """How much of a pixel, whose centre is so many pixels outside of a shape."""
    return min(max(0.5 - outside, 0.0), 1.0)


def png(icon: Icon) -> bytes:
    """ISO/IEC 15948: eight bits for each of red, green, blue, and opacity unless it is opaque all over."""
    header = icon.pixels.to_bytes(4) * 2 + bytes((8, 2 if icon.square else 6, 0, 0, 0))
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(scanlines(icon), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4) for name, data in parts
    )


def main() -> None:
    for icon in ICONS:
        (STATIC / icon.name).write_bytes(png(icon))


if __name__ == "__main__":
    main()
