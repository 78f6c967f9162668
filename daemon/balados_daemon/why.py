"""Why an episode stands where it does: what the log here holds, and what only the relay's log knows."""

from typing import Any

from msgspec import Struct

from balados_shared.events import REASONS, differences
from balados_shared.storage.log import Event
from balados_shared.times import Instant


class Cause(Struct, frozen=True, kw_only=True):
    """One change: who made it and when, which fields it took from what to what, and by which rule it stands or fell.

    `event` is its number in this device's log; None for a change that lost at the relay and never came here.
    """

    event: int | None
    device: str
    device_name: str
    at: str
    arrived_at: str
    outcome: str
    rule: str
    reason: str
    reports: int
    changes: dict[str, tuple[Any, Any]]
    lost: dict[str, Any]
    """What the change said and what does not stand after it, by field."""


_DATES = frozenset({"updated_at"})


def causes(events: list[Event], elsewhere: list[Event], names: dict[str, str]) -> list[Cause]:
    """Return the changes in the order in which they were made; `elsewhere` is the relay's log of the same record."""
    here = {(event.device, event.number) for event in events}
    lost = [event for event in elsewhere if (event.device, event.number) not in here]
    merged = [(event, True) for event in events] + [(event, False) for event in lost if event.outcome != "applied"]
    return [_cause(event, local, names) for event, local in sorted(merged, key=lambda pair: pair[0].time)]


def _cause(event: Event, local: bool, names: dict[str, str]) -> Cause:
    changed = differences(event.before, event.after)
    return Cause(
        event=event.event if local else None,
        device=event.device,
        device_name=names.get(event.device, event.device),
        at=Instant(event.time).write(),
        arrived_at=Instant(event.arrived).write(),
        outcome=event.outcome,
        rule=event.rule,
        reason=REASONS.get(event.rule, ""),
        reports=event.reports,
        changes={name: change for name, change in changed.items() if name not in _DATES},
        lost={
            name: said
            for name, (_, said) in differences(event.after, event.said or event.after).items()
            if name not in _DATES
        },
    )
