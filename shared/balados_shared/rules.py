"""What concurrent heads mean together: the documented rules of DESIGN.md section 3, nothing else.

Law: `resolve` is a function of the *set* of heads, so the order in which they arrived cannot matter. One head means
just what it says: a change that knew the others is no conflict.
"""

from collections.abc import Collection
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from balados_shared.kinds import PlayStatus, Value
from balados_shared.record import Head, Record
from balados_shared.times import MINUTE

WINDOW = 5 * MINUTE
"""Positions said less than this apart count as said together; the farther one is taken."""


class Resolution(Struct, frozen=True):
    """What the heads mean, by which rule, and which head decided."""

    value: Value
    rule: str
    head: Head


def resolve(heads: Collection[Head]) -> Resolution:
    """Settle the heads of one record (at least one)."""
    if len(heads) == 1:
        (head,) = heads
        return Resolution(head.value, "only", head)
    if next(iter(heads)).value.rule == "hybrid":
        return _hybrid(heads)
    newest = max(heads, key=_latest)
    return Resolution(newest.value, _latest_rule(heads, newest), newest)


def value_of(record: Record) -> Value:
    """Return what a record says."""
    return record.heads[0].value if len(record.heads) == 1 else resolve(record.heads).value


def _latest(head: Head) -> tuple[int, int, str, int]:
    return head.value.time, head.value.tie, head.device, head.number


def _latest_rule(heads: Collection[Head], newest: Head) -> str:
    tied = [head for head in heads if head.value.time == newest.value.time]
    if len(tied) == 1:
        return "latest"
    return "tie_kind" if any(head.value.tie != newest.value.tie for head in tied) else "tie_device"


def _hybrid(heads: Collection[Head]) -> Resolution:
    """Settle play statuses: the farthest of what was said together, `played` sticky, `furthest` the highest of all."""
    newest = max(heads, key=_latest)
    together = [head for head in heads if newest.value.time - head.value.time < WINDOW]
    farthest = max(together, key=lambda head: (_status(head).position, *_latest(head)))
    by_time = sorted(heads, key=_latest, reverse=True)
    value = replace(
        _status(newest),
        position=_status(farthest).position,
        played=any(_status(head).played for head in heads),
        furthest=max(_status(head).furthest for head in heads),
        duration=next((d for head in by_time if (d := _status(head).duration) is not None), None),
    )
    return Resolution(value, _hybrid_rule(heads, newest, farthest), farthest)


def _hybrid_rule(heads: Collection[Head], newest: Head, farthest: Head) -> str:
    if any(_status(head).played for head in heads) and not _status(newest).played:
        return "played_is_sticky"
    return "newest" if farthest is newest else "farthest_within_5_minutes"


def _status(head: Head) -> PlayStatus:
    return cast("PlayStatus", head.value)
