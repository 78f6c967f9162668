"""QR codes inside a page, as pictures that need no address of their own."""

import segno
from markupsafe import Markup


def drawn(text: str) -> Markup:
    """Return a text as an SVG element: dark on light also at night, as cameras want it. Its size is for the style."""
    code = segno.make_qr(text)
    return Markup(code.svg_inline(omitsize=True, dark="#000", light="#fff", svgclass="qr", lineclass=None))  # noqa: S704
