"""QR codes on a terminal, two dots to a character."""

import io
import sys

_WHITE_ON_BLACK, _PLAIN = "\x1b[97;40m", "\x1b[0m"


def draw(text: str) -> None:
    """Print a text as a QR code. On a terminal it has its own colours, so that it is readable on light ground too."""
    import segno  # costs 0.05 s, which other commands need not pay

    drawn = io.StringIO()
    segno.make_qr(text).terminal(drawn, compact=True)
    for row in drawn.getvalue().splitlines():
        print(f"{_WHITE_ON_BLACK}{row}{_PLAIN}" if sys.stdout.isatty() else row)
