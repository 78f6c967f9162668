"""Instants: integer milliseconds since the epoch inside, ISO 8601 in UTC with milliseconds on the wire.

Equal input compares equal: offsets are converted, and what is finer than a millisecond is cut off
(DESIGN.md section 3; the trap of keeping more on one side than on the other: protocol sheet section 4.1).
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Self

from balados_shared.errors import InvalidInput

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: written with a "Z" by hand, which is much faster
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999."""


class Instant(int):
    """A point in time: milliseconds since 1970-01-01T00:00:00Z."""

    __slots__ = ()

    @classmethod
    def read(cls, text: Any) -> Self:
        """Read an ISO 8601 time with an offset or `Z`.

        Raises InvalidInput for a time without an offset, before 1970, or that is no time at all.
        """
        if not isinstance(text, str):
            raise InvalidInput(f"a time must be ISO 8601 text, not {type(text).__name__}")
        if "\x00" in text:  # where Python's parser stops reading
            raise InvalidInput("not an ISO 8601 time")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput("not an ISO 8601 time") from None
        if moment.tzinfo is None:
            raise InvalidInput("a time needs an offset or Z")
        milliseconds = (moment - _EPOCH_UTC) // _MILLISECOND
        if not 0 <= milliseconds <= LATEST:
            raise InvalidInput("a time must lie between 1970 and 9999")
        return cls(milliseconds)

    def write(self) -> str:
        """Return ISO 8601 with milliseconds and `Z`, e.g. `2026-03-01T12:00:00.000Z`."""
        return (_EPOCH + self * _MILLISECOND).isoformat(timespec="milliseconds") + "Z"
