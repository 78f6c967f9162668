"""Undo: the change that sets back just the fields which an event set. Pure.

It is a new change like any other, so it wins everywhere and can itself be undone. If a field was edited since, it
says so and asks for force (DESIGN.md section 5, "Retention").
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import asdict

from balados_shared.edit import Edit
from balados_shared.errors import Refused
from balados_shared.kinds import PlayStatus, Value
from balados_shared.storage.log import Event
from balados_shared.wire import decode_value, value_fields

FIRST = {"position": 0.0, "played": False}
"""Where an episode stands before anything is known of it."""


class EditedSince(Refused):
    """The fields were changed again after the event."""


def undo(event: Event, current: Value, *, force: bool = False) -> Edit:
    """Return the edit that undoes an event. Raises Refused when there is nothing to go back to."""
    kind = type(current)
    name = {field: getattr(current, field) for field in kind.identity}
    before, after = _value(event.before, current), _value(event.after, current)
    assert after is not None
    if before is None and kind.removed is None and kind is not PlayStatus:
        raise Refused("there was nothing before this change to go back to")
    was = {**FIRST} if before is None and kind is PlayStatus else asdict(before or after)
    settable = {field for field in _settable(kind) & was.keys() if getattr(after, field) != was[field]}
    present = before is not None and before.present
    back = None if kind.removed is None or present == after.present else present
    if not force:
        _check_untouched(current, after, settable, watch_presence=back is not None)
    return Edit(kind=event.kind, name=name, sets={field: was[field] for field in settable}, present=back)


def _value(fields: Mapping[str, Any] | None, current: Value) -> Value | None:
    """Read a value of the log, which does not repeat what names the record."""
    if fields is None:
        return None
    named = {name: field for name, field in value_fields(current).items() if name in current.identity}
    return decode_value(type(current), {**fields, **named})


def _settable(kind: type[Value]) -> set[str]:
    """Return what a person sets: not what names the record, what every edit dates, or what only grows."""
    dates = {kind.stamp, kind.added, kind.removed}
    return {*kind.__struct_fields__} - {*kind.identity, *dates, "furthest", "purged", "extra"}


def _check_untouched(current: Value, after: Value, fields: Iterable[str], *, watch_presence: bool) -> None:
    edited = sorted(field for field in fields if getattr(current, field) != getattr(after, field))
    if watch_presence and current.present != after.present:
        edited.append("whether it is there")
    if edited:
        raise EditedSince(f"{', '.join(edited)} changed again since; force the undo to set it back all the same")
