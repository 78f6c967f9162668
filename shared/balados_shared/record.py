"""A record is its heads and its vector; `merge` joins two states of one record.

Law: `merge` is associative, commutative and idempotent, so order, repetition, delay, restored backups and replaced
relays cannot matter (DESIGN.md section 4). It is the join of dotted version vector sets: a head stays unless the other
side's vector covers it and the other side has it no more.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from msgspec import Struct

from balados_shared.kinds import Value

Vector = Mapping[str, int]
"""For each device the highest number that went into a record."""


class Dot(NamedTuple):
    """The name of a change: the device that made it, and that device's number for it."""

    device: str
    number: int


class Head(Struct, frozen=True):
    """A change that no later change has superseded."""

    device: str
    number: int
    value: Value

    @property
    def dot(self) -> Dot:
        return Dot(self.device, self.number)


class Record(Struct, frozen=True):
    """One mergeable fact about the library. `heads` are in the order of their dots; `vector` covers all of them."""

    heads: tuple[Head, ...]
    vector: Vector

    @classmethod
    def of(cls, heads: Iterable[Head], vector: Vector) -> Self:
        """Build a record whose vector is sure to cover its heads."""
        ordered = tuple(sorted(heads, key=lambda head: head.dot))
        if all(head.number <= vector.get(head.device, 0) for head in ordered):
            return cls(ordered, vector)
        return cls(ordered, _maximum(vector, {head.device: head.number for head in ordered}))

    @property
    def name(self) -> Value:
        """Any of the heads: all say the same kind, key and parent."""
        return self.heads[0].value

    @property
    def kind(self) -> str:
        return self.name.kind

    @property
    def key(self) -> str:
        return self.name.key

    @property
    def time(self) -> int:
        """The newest time that any head says, in milliseconds."""
        return max(head.value.time for head in self.heads)

    def covers(self, dot: Dot) -> bool:
        """Whether that change is known here, alive or superseded."""
        return dot.number <= self.vector.get(dot.device, 0)


def merge(a: Record, b: Record) -> Record:
    """Join two states of one record."""
    mine = {head.dot: head for head in a.heads}
    other = {head.dot: head for head in b.heads}
    kept = [min(mine[dot], other[dot], key=_earlier) for dot in mine.keys() & other.keys()]
    kept += [head for dot, head in mine.items() if dot not in other and not b.covers(dot)]
    kept += [head for dot, head in other.items() if dot not in mine and not a.covers(dot)]
    return Record(tuple(sorted(kept, key=lambda head: head.dot)), _maximum(a.vector, b.vector))


def _earlier(head: Head) -> tuple[int, bool, str]:
    """Order two heads of one dot, which can differ only by the relay's clock cap or by purging.

    The earlier time stands, then the purged one; the text is there so that even a lie is settled alike everywhere.
    """
    return head.value.time, not head.value.purged, repr(head.value)


def _maximum(a: Vector, b: Vector) -> dict[str, int]:
    return dict(a) | {device: max(number, a.get(device, 0)) for device, number in b.items()}
