"""Ids for what people make (collections, playlists): UUIDs of version 7, which begin with their time (RFC 9562).

No record of a collection says when it was made; its id does, on every device alike.
"""

from uuid import UUID

from balados_shared.times import LATEST, Instant

RANDOM_BYTES = 10
_VERSION, _VARIANT = 7 << 76, 0b10 << 62


def new_uuid(now: int, random: bytes) -> str:
    """Return the id of what is made now (milliseconds), with ten random bytes in it."""
    bits = int.from_bytes(random[:RANDOM_BYTES], "big")
    low = _VARIANT | (bits & (1 << 62) - 1)
    middle = _VERSION | (bits >> 62 & 0xFFF) << 64
    return str(UUID(int=now << 80 | middle | low))


def born(text: str) -> Instant | None:
    """Return when an id was made; None when it does not say."""
    try:
        uuid = UUID(text)
    except ValueError:
        return None
    time = uuid.int >> 80
    return Instant(time) if uuid.version == 7 and time <= LATEST else None
