"""QR codes as SVG, to stand in a page under a content security policy without inline styles."""

import segno
from markupsafe import Markup


def svg(text: str) -> Markup:
    """`text` appears in modules only. Dark on light with the quiet zone, whatever the page around it."""
    code = segno.make(text, error="m", micro=False)
    drawing: str = code.svg_inline(
        scale=4, border=4, dark="#212b32", light="#ffffff", svgclass="carekey-qr", lineclass=None, omitsize=True
    )
    return Markup(drawing)  # noqa: S704 (made by the library from modules, not from the text)
