"""Show notes as plain text: what a list or a search shows, never markup. Pure."""

import re
from html.parser import HTMLParser

SHORT = 400
"""Characters of a summary."""

# Markup can be many times longer than the text it wraps, but a summary needs only the beginning.
_ENOUGH = 20_000

_SILENT = frozenset({"script", "style", "template", "head", "iframe", "noscript"})
_INLINE = frozenset({"a", "abbr", "b", "code", "em", "font", "i", "mark", "q", "s", "small", "span", "strong", "u"})
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")


def plain_text(html: str) -> str:
    """Return the text of a piece of HTML, in one line. Any text is taken; broken markup loses only itself."""
    reader = _TextReader()
    try:
        reader.feed(html[:_ENOUGH])
        reader.close()
    except AssertionError:
        # The standard library's parser gives up at malformed `<![` sections; what it read until there stands.
        pass
    return one_line("".join(reader.pieces))


def one_line(text: str) -> str:
    """Return the text without control characters and with single spaces."""
    return _BLANKS.sub(" ", text).strip()


def shorten(text: str, limit: int = SHORT) -> str:
    """Return at most `limit` characters, cut between words."""
    if len(text) <= limit:
        return text
    start = text[:limit]
    # Where words are not parted by spaces (Chinese, Japanese) any letter is a good place to cut.
    cut = start.rfind(" ", limit * 3 // 4)
    return start[: cut if cut > 0 else limit - 1].rstrip(" ,;:–-") + "…"


class _TextReader(HTMLParser):
    """Gathers the text; block elements part words, inline ones do not."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._part(tag)
        self._silent += tag in _SILENT

    def handle_endtag(self, tag: str) -> None:
        self._part(tag)
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data)

    def _part(self, tag: str) -> None:
        if tag not in _INLINE:
            self.pieces.append(" ")
