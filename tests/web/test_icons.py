"""The icons in the repository are what tools/draw_icons.py draws."""

import importlib.util
import sys
import zlib
from pathlib import Path
from types import ModuleType

import pytest

from carekey.authenticators.uaf.transaction import characteristics
from carekey.web import assets

TOOL = Path(__file__).parents[2] / "tools/draw_icons.py"


def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_icons", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks there
    spec.loader.exec_module(module)
    return module


TOOLS = drawing()


@pytest.mark.parametrize("icon", TOOLS.ICONS, ids=lambda icon: icon.name)
def test_each_icon_is_as_drawn(icon) -> None:
    """Pixel by pixel: another release of zlib may pack the same ones otherwise."""
    png = assets.files()[icon.name].content
    told = characteristics(png)
    assert (told.width, told.height, told.bit_depth) == (icon.pixels, icon.pixels, 8)
    start = png.index(b"IDAT")
    size = int.from_bytes(png[start - 4 : start])
    assert zlib.decompress(png[start + 4 : start + 4 + size]) == TOOLS.scanlines(icon)


def test_there_is_no_other() -> None:
    assert {name for name in assets.files() if name.endswith(".png")} == {icon.name for icon in TOOLS.ICONS}
