"""Pages of a list, as a client asks for them: odd numbers mean the nearest that makes sense, as upstream reads them."""

from typing import NamedTuple

LAST_ROW = 2**63 - 1
"""The highest number that SQLite can be asked for."""


class Slice(NamedTuple):
    """Which part of a list is wanted."""

    limit: int
    offset: int


def wanted(limit: int, offset: int, *, most: int) -> Slice:
    """Return what to read: at least one row, at most `most`."""
    return Slice(min(max(limit, 1), most), row_number(offset))


def row_number(number: int) -> int:
    """Return the nearest number that a row can have."""
    return min(max(number, 0), LAST_ROW)
