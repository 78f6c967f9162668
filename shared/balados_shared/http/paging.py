"""Pages of a list, as a client asks for them: odd numbers mean the nearest that makes sense, as upstream reads them.

Law: the documented pages are counted (`offset`), and answered in the documented shape and no other. Whoever names a
`cursor` or `since` gets pages that stay right while the library changes, and what to ask with next.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeAlias

from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from balados_shared import problems
from balados_shared.http.shapes import moment
from balados_shared.places import Arrivals, Listed, Place, read_place
from balados_shared.times import Instant

LAST_ROW = 2**63 - 1
"""The highest number that SQLite can be asked for."""

CursorQuery: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description="Where to go on: `next_cursor` of the page before, empty for the first page. Then `offset` does "
        "not count, and the answer holds `next_cursor` (null at the end) and `synced_at`.",
        examples=[Example(value="n1767268800000.57.1767268800123")],
    ),
]
SinceQuery: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description="`synced_at` of an earlier answer: list what arrived here later, in the order of its arrival, also "
        "what was taken back. The answer holds `next_cursor` (null at the end) and `synced_at`.",
        examples=[Example(value="2026-01-01T12:00:00.123Z")],
    ),
]


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


def place_in_list(cursor: str | None, since: str | None) -> Place | None:
    """Return where a page begins; None when the client counts (`wanted`). Raises InvalidInput or Problem 400."""
    place = read_place(cursor) if cursor is not None else None
    if cursor is not None and place is None:
        raise problems.bad_request("cursor: not one of ours; begin again with an empty one")
    if since is None or isinstance(place, Arrivals):
        return place
    if cursor:
        raise problems.bad_request("cursor: it belongs to a list without since")
    return Arrivals(Instant.read(since))


def listed_page(name: str, listed: Listed[Any], shape: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the answer of a list to one who named a cursor or since."""
    after = listed.after
    return {
        name: [shape(value) for value in listed.values],
        "next_cursor": after.write() if after else None,
        "synced_at": moment(Instant(listed.stamp)),
    }
