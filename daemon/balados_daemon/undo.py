"""Undo: the change that sets back just the fields which an event set. Pure.

It is a new change like any other, so it wins everywhere and can itself be undone. If a field was edited since, it
says so and asks for force (DESIGN.md section 5, "Retention").
"""

from collections.abc import Mapping
from typing import Any

from balados_shared.edit import Edit
from balados_shared.errors import Refused
from balados_shared.events import differences
from balados_shared.kinds import PlayStatus, Value, kind_named
from balados_shared.storage.log import Event
from balados_shared.wire import value_fields

FIRST = {"position": 0.0, "played": False}
"""Where an episode stands before anything is known of it."""


class EditedSince(Refused):
    """The fields were changed again after the event."""


def undo(event: Event, current: Value, *, force: bool = False) -> Edit:
    """Return the edit that undoes an event. Raises Refused when there is nothing to go back to."""
    kind = kind_named(event.kind)
    changed = differences(event.before, event.after)
    if not force:
        _check_untouched(current, {name: to for name, (_, to) in changed.items()})
    dates = {kind.stamp, kind.added, kind.removed}
    first = FIRST if kind is PlayStatus else {}
    # What grows by itself (furthest) and what every edit dates are not part of what a person set.
    sets = {
        name: was if was is not None else first.get(name) for name, (was, _) in changed.items() if name not in dates
    }
    sets.pop("furthest", None)
    name = {field: getattr(current, field) for field in kind.identity}
    return Edit(kind=event.kind, name=name, sets=sets, present=_presence(kind, event))


def _presence(kind: type[Value], event: Event) -> bool | None:
    """Whether the record was there before, if the event changed that."""
    if kind.removed is None:
        if event.before is None and kind is not PlayStatus:
            raise Refused("there was nothing before this change to go back to")
        return None
    before = event.before is not None and kind.removed not in event.before
    after = kind.removed not in event.after
    return before if before != after else None


def _check_untouched(current: Value, wanted: Mapping[str, Any]) -> None:
    now = value_fields(current)
    if edited := sorted(name for name, value in wanted.items() if now.get(name) != value):
        raise EditedSince(f"{', '.join(edited)} changed again since; force the undo to set it back all the same")
