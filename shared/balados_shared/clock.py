"""What to believe of a clock: times ahead of the relay are capped, and a device learns how far its clock is off.

DESIGN.md section 5, "clock wrong": knowledge decides first, so a clock matters only between edits that did not know
each other; no clock is refused.
"""

from msgspec.structs import replace

from balados_shared.kinds import Value
from balados_shared.record import Head, Record
from balados_shared.times import MINUTE, SECOND, Instant

CAP = 60 * SECOND
"""How far ahead of the relay a change may be dated."""

TOLERATED = 2 * SECOND
"""A smaller offset is lost in the time a request takes."""

WORTH_TELLING = MINUTE


def cap(record: Record, now: int) -> Record:
    """Return the record with no date later than `now` + 60 s (the same object when there is none)."""
    limit = now + CAP
    heads = tuple(_capped(head, limit) for head in record.heads)
    if all(capped is head for capped, head in zip(heads, record.heads, strict=True)):
        return record
    return Record(heads, record.vector)


def _capped(head: Head, limit: int) -> Head:
    """Move the newest date to the limit and keep the others before it, so that their order still tells what holds."""
    value: Value = head.value
    newest = value.newest_date
    if newest <= limit:
        return head
    dates = {name: limit if date == newest else min(date, limit - 1) for name, date in value.dates.items()}
    return Head(head.device, head.number, replace(value, **{name: Instant(date) for name, date in dates.items()}))


def offset(sent: int, received: int, theirs: int) -> int:
    """Return how many milliseconds to add to our clock to get theirs, 0 when that is too little to tell.

    `sent` and `received` are our times of asking and hearing, `theirs` the time that the answer says.
    """
    measured = theirs - (sent + received) // 2
    return measured if abs(measured) > TOLERATED + (received - sent) // 2 else 0
