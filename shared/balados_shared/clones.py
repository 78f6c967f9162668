"""Two machines on one device id, or a device restored from an older copy: how a relay notices.

Each request says how far the device has counted, and names its process runs since the relay last answered. A count
below what the relay took from that id, or runs that do not follow the one it knows, are another machine's (DESIGN.md
section 5). That one takes a new id for its next edits; what it sent stands, since joins are harmless.
"""

from collections.abc import Sequence

from msgspec import Struct


class Seen(Struct, frozen=True):
    """What a relay remembers of a device id: the highest count it heard, and the last process run."""

    count: int
    run: str


def is_clone(seen: Seen | None, *, count: int, runs: Sequence[str], starts_over: bool) -> bool:
    """Whether this request comes from another machine than the one the relay knows by that id.

    A device that starts over (empty cursor) may have met another relay in between, so its runs prove nothing.
    """
    if seen is None:
        return False
    return count < seen.count or (not starts_over and bool(seen.run) and seen.run not in runs)
