"""Three repairs of a feed's bytes before it is parsed, each for something that feedparser takes badly. Pure.

Law: a well-formed feed comes out byte for byte as it went in, but for its live items.
"""

import re

# A <podcast:liveItem> has a title, a guid and an enclosure of its own, which feedparser takes for those of the feed.
# It never holds an <item>: one that seems to was not closed.
_LIVE_ITEM = re.compile(rb"<podcast:liveItem\b(?:(?!</?item[\s>]).)*?</podcast:liveItem\s*>", re.DOTALL)

_CHARACTER_REFERENCE = re.compile(rb"&#(?:[xX]0*([0-9A-Fa-f]{1,32})|0*([0-9]{1,32}));")
_UNKNOWN_CHARACTER = b"&#xFFFD;"
_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def mend(body: bytes) -> bytes:
    """Return the feed without its live items, impossible character references and half a letter at its end."""
    body = _without_half_a_letter(body)
    if b"<podcast:liveItem" in body:
        body = _LIVE_ITEM.sub(b"", body)
    return _CHARACTER_REFERENCE.sub(_possible, body) if b"&#" in body else body


def _without_half_a_letter(body: bytes) -> bytes:
    """Cut a truncated UTF-8 letter off: for that alone the whole feed would be read as Latin-1."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return body[: error.start]
    return body


def _possible(reference: re.Match[bytes]) -> bytes:
    """Replace a reference to what is no character: feedparser would throw the whole feed away for it."""
    hexadecimal, decimal = reference.groups()
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return _UNKNOWN_CHARACTER if code > _LAST_CODE_POINT or code in _SURROGATES else reference[0]
