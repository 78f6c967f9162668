"""A place in a list: where a reader goes on, while others add to the list.

Law: a place names the row that was read last, never a count of rows, so that what is added meanwhile shifts nothing.
To those who ask it is opaque text, as a cursor is.
"""

import re
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct

from balados_shared.kinds import Value
from balados_shared.times import LATEST

V = TypeVar("V", bound=Value)

_TEXT = re.compile(r"n([0-9]{1,15})\.([0-9]{1,15})\.([0-9]{1,15})|a([0-9]{1,15})")


class Newest(NamedTuple):
    """In what is there, the newest first: behind the row of this time and arrival number.

    `stamp` is the last arrival at the time when the first row was read: what arrives later was perhaps not seen.
    """

    time: int = LATEST
    revision: int = 0
    stamp: int | None = None

    def write(self) -> str:
        """Return the text that `read_place` reads."""
        return f"n{self.time}.{self.revision}.{self.stamp or 0}"


class Arrivals(NamedTuple):
    """In what arrived, also what was removed, in the order of arrival: behind this stamp, in milliseconds."""

    stamp: int

    def write(self) -> str:
        """Return the text that `read_place` reads."""
        return f"a{self.stamp}"


Place = Newest | Arrivals


class Listed(Struct, Generic[V], frozen=True):
    """Part of a list. `after` is where to go on, None at the end; `stamp` is what to ask for later arrivals from."""

    values: list[V]
    after: Place | None
    stamp: int


def read_place(text: str) -> Place | None:
    """Read a place; the empty text is the beginning of a list. None for what cannot be one."""
    if text == "":
        return Newest()
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    if found[4]:
        return Arrivals(int(found[4]))
    return Newest(int(found[1]), int(found[2]), int(found[3]))
