"""Unpacking a body piece by piece, never further than is wanted: a few bytes can unpack to gigabytes.

Law: what comes out of a packed piece is at most what was asked for. One packing is known (gzip, or deflate in its zlib
form); packed twice, or otherwise, is not what we asked the server for.
"""

import zlib
from collections.abc import Callable

ACCEPTED = "gzip, deflate"
"""For the header Accept-Encoding."""

Unpack = Callable[[bytes, int], bytes]
"""Takes a piece and the most bytes that may come out of a packed one. Who gets that many has too much, and stops."""

_EITHER = zlib.MAX_WBITS | 32
"""gzip or zlib, as the first bytes tell."""


class Unpackable(Exception):
    """The body is not packed as its header says, or in a way that is not known."""


def unpacker(encoding: str) -> Unpack:
    """Return what unpacks a body of this Content-Encoding. Raises Unpackable, as does what it returns."""
    match encoding.strip().lower():
        case "" | "identity":
            return lambda piece, _: piece
        case "gzip" | "x-gzip" | "deflate":
            return _inflate()
        case _:
            raise Unpackable


def _inflate() -> Unpack:
    stream = zlib.decompressobj(_EITHER)

    def inflate(piece: bytes, most: int) -> bytes:
        try:
            return stream.decompress(piece, most)
        except zlib.error:
            raise Unpackable from None

    return inflate
