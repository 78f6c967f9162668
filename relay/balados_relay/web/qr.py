"""QR codes inside a page, as pictures that need no address of their own."""

import segno


def drawn(text: str) -> str:
    """Return a text as an SVG element: dark on light also at night, as cameras want it. Its size is for the style.

    Nothing of the text itself stands in it, so a template may take it as it is.
    """
    code = segno.make_qr(text)
    return code.svg_inline(omitsize=True, dark="#000", light="#fff", svgclass="qr", lineclass=None)
