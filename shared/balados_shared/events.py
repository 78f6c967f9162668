"""What happened between two states of a record: the line in the log, and what the sender is told.

An event says what changed, by whom, from what to what, and by which rule; the loser of a conflict is in the log too, so
that it can be brought back (DESIGN.md sections 1.6 and 6).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from balados_shared.kinds import PlayStatus
from balados_shared.record import Head, Record
from balados_shared.rules import resolve
from balados_shared.times import MINUTE

Outcome = Literal["applied", "merged", "superseded", "refused"]


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one record that was sent. Only what was not simply applied gets one.

    `place` says where in the request a record stood that could not be read, e.g. `play_statuses[3]`.
    """

    kind: str
    key: str
    outcome: Outcome
    rule: str
    reason: str
    place: str = ""


class Change(Struct, frozen=True):
    """One state of a record giving way to another.

    `by` is the head that names the change in the log: the newest of those that came in and were not known.
    """

    before: Record | None
    incoming: Record
    after: Record
    by: Head
    outcome: Outcome
    rule: str

    @property
    def changed(self) -> bool:
        return self.before != self.after


def describe(before: Record | None, incoming: Record, after: Record) -> Change:
    """Say what a join (or an edit, whose `incoming` is its result) did to a record."""
    news = [head for head in incoming.heads if before is None or not before.covers(head.dot)]
    by = _newest(news or incoming.heads)
    if not after.heads:
        # Only a lie, or two clones, can do this: knowledge never runs in a circle. Nothing changes.
        return Change(before, incoming, before or incoming, by, "refused", "contradiction")
    standing = {head.dot for head in after.heads}
    arrived = [head for head in incoming.heads if head.dot in standing]
    if not arrived:
        return Change(before, incoming, after, by, "superseded", "known_and_replaced")
    if len(after.heads) == 1:
        return Change(before, incoming, after, by, "applied", "only")
    return Change(before, incoming, after, by, "merged", resolve(after.heads).rule)


def _newest(heads: Sequence[Head]) -> Head:
    return heads[0] if len(heads) == 1 else max(heads, key=lambda head: (head.value.time, head.dot))


REASONS: Mapping[str, str] = {
    "known_and_replaced": "a later change knew this one and replaced it",
    "latest": "the later of two changes made apart stands",
    "newest": "the later of two positions said apart stands",
    "tie_kind": "said at the same moment: what is there (or more private) stands",
    "tie_device": "said at the same moment: the device id decides",
    "farthest_within_5_minutes": "said within five minutes of each other: the farther position stands",
    "played_is_sticky": "one of two changes made apart marked it as played, and that stays",
    "contradiction": "each of two states claims to have replaced all that the other says",
    "clock_capped": "the sender's clock is ahead: the time was set to the relay's",
}


def verdict(change: Change) -> Verdict | None:
    """Return what the sender is told of a change, or None when what it sent stands as it is."""
    if change.outcome == "applied" or (change.after == change.incoming and change.rule != "clock_capped"):
        return None
    name = change.incoming.name
    reason = REASONS.get(change.rule, change.rule)
    return Verdict(kind=name.kind, key=name.key, outcome=change.outcome, rule=change.rule, reason=reason)


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ, as field → (from, to). A field that is not there is None."""
    old = before or {}
    fields = dict.fromkeys([*old, *after])
    return {name: (old.get(name), after.get(name)) for name in fields if old.get(name) != after.get(name)}


STRETCH_GAP = 2 * MINUTE
"""Reports of a playing episode come at least this often; a longer silence starts a new entry in the log."""


def plays_on(last: Head, new: Head) -> bool:
    """Whether `new` only continues the uninterrupted stretch of playing that `last` reported.

    Forward, by the same device, without a long silence, no faster than four times the clock (DESIGN.md section 4,
    "Playing": in the log such a stretch reads as one entry).
    """
    a, b = last.value, new.value
    if not (isinstance(a, PlayStatus) and isinstance(b, PlayStatus)) or last.device != new.device:
        return False
    elapsed, advanced = b.time - a.time, (b.position - a.position) * 1_000
    return a.played == b.played and 0 < elapsed <= STRETCH_GAP and 0 < advanced <= 4 * elapsed
