"""Clients without numbers: apps that say how things stand, and not what they knew when they said it.

The program that serves them numbers for them, one device id each (DESIGN.md section 4). Law: what such a client never
saw it cannot undo. A row that it only returns is no change; a dated row is joined as a change that knew nothing of the
others, which is the documented merge; an act without a date supersedes what the client knew, and nothing else.
"""

import hashlib

from msgspec import Struct
from msgspec.structs import replace

from balados_shared.edit import Edit, edit
from balados_shared.kinds import Like, PlayStatus, Subscription, Value
from balados_shared.record import Dot, Head, Record, Vector
from balados_shared.rules import resolve, value_of
from balados_shared.times import SECOND, Instant

_DIGEST_BYTES = 12

_CAREFUL = (PlayStatus, Subscription, Like)
"""The kinds that apps change without a date, and whose rule says what stands when two things were said at once."""


class Memory(Struct, frozen=True):
    """What a client last sent and last was given of one record, as digests, and the vector of what it knows."""

    sent: bytes | None = None
    given: bytes | None = None
    vector: Vector = {}

    @property
    def is_blank(self) -> bool:
        """Whether the client and this program never spoke of the record."""
        return self.sent is None and self.given is None and not self.vector


def digest(value: Value) -> bytes:
    """Return what tells two rows of a client apart, part by part.

    Of what apps keep without fractions only whole seconds count, so that what comes back rounded is the same row; and
    what is there is not said to have gone once.
    """
    if not isinstance(value, _CAREFUL):
        return digest_of(repr(value))
    gone = value.removed if value.present else None
    dates = ",".join(f"{date // SECOND}" for name, date in sorted(value.dates.items()) if name != gone)
    status = [f"{int(value.position)}", f"{value.played:d}"] if isinstance(value, PlayStatus) else []
    return " ".join([dates, *status]).encode()


def digest_of(text: str) -> bytes:
    """Return the digest of what has no parts to compare."""
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest().encode()


def is_nothing_new(row: bytes, memory: Memory) -> bool:
    """Whether a client only returns what it sent or was given, or its own mixture of the two.

    balados.app merges what it is given into what it has, e.g. the later position and the sticky `completed`, and sends
    the mixture back.
    """
    known = [digest.split() for digest in (memory.sent, memory.given) if digest is not None]
    return bool(known) and all(
        any(len(old) > place and old[place] == part for old in known) for place, part in enumerate(row.split())
    )


def report(record: Record | None, said: Value, dot: Dot, memory: Memory) -> Record | None:
    """Return what is to be joined for a dated row, or None when it is no change.

    The new head knows nothing of the others; with the client's own earlier head it is merged by the rule.
    """
    row = digest(said)
    if is_nothing_new(row, memory) or (record is not None and row == digest(value_of(record))):
        return None
    own = [head for head in record.heads if head.device == dot.device] if record else []
    value = resolve([*own, Head(dot.device, dot.number, said)]).value
    return Record.of([Head(dot.device, dot.number, value)], {dot.device: dot.number})


def act(record: Record | None, wish: Edit, dot: Dot, memory: Memory, now: int, *, explicit: bool) -> Record | None:
    """Return what is to be joined for an act without a date, or None when it would change nothing.

    Where the client knows all that stands, it is an edit like any other. Of what stands unseen it may be older: it is
    dated no later, so that the rule decides as between two things said at the same moment. An `explicit` act, other
    than the positions that players report by themselves, stands for what a person saw, also where we never spoke of it.
    """
    edited = edit(record, wish, dot, now)
    if edited is None or record is None or not isinstance(record.name, _CAREFUL):
        return edited
    if (explicit and memory.is_blank) or knows_all(record, dot.device, memory):
        return edited
    newest = max(head.value.time for head in _unseen(record, dot.device, memory))
    (head,) = edited.heads
    value = _redated(head.value, Instant(min(now, newest)))
    known = {device: number for device, number in record.vector.items() if memory.vector.get(device, 0) >= number}
    return Record.of([Head(head.device, head.number, value)], {**known, dot.device: dot.number})


def knows_all(record: Record, device: str, memory: Memory) -> bool:
    """Whether what a record says now is what the client sent or was given last."""
    return digest(value_of(record)) in (memory.sent, memory.given) or not _unseen(record, device, memory)


def _unseen(record: Record, device: str, memory: Memory) -> list[Head]:
    vector = memory.vector
    return [head for head in record.heads if head.device != device and head.number > vector.get(head.device, 0)]


def _redated(value: Value, at: Instant) -> Value:
    """Move the dates that an edit set to `at`."""
    newest = value.newest_date
    return replace(value, **{name: at for name, date in value.dates.items() if date == newest})
