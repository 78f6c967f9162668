"""When the next round of sync is due. Pure: the time and the jitter are arguments.

A round runs at once after a change (the queue says from when on a change wants to go), on a live message that does not
fit, on reconnect, and every 15 minutes. After a failure it waits, twice as long each time up to a quarter of an hour,
with jitter and at least as long as the relay asks; it never gives up (DESIGN.md section 4, "The queue").
"""

from msgspec import Struct
from msgspec.structs import replace

from balados_shared.times import DAY, MINUTE, SECOND

PERIOD = 15 * MINUTE
FIRST_BACKOFF = 2 * SECOND
LONGEST_BACKOFF = 15 * MINUTE
LONGEST_WAIT = DAY
"""However long a relay asks us to stay away."""

PLAYING_PACE = 30 * SECOND
"""How long reports of an episode that plays on are gathered before they are sent (documented throttle)."""


class Schedule(Struct, frozen=True):
    """When to run: `periodic` in any case, nothing before `not_before`. Times are milliseconds since 1970.

    `not_before` is our own patience after a failure, `forbidden_until` what the relay asked for. `asks` counts who
    asked for a round, so that one who asks during a round is not forgotten at its end.
    """

    periodic: int = 0
    not_before: int = 0
    forbidden_until: int = 0
    failures: int = 0
    asks: int = 0


def due(schedule: Schedule, queue_due: int | None, *, now: int) -> int:
    """Return when the next round is due, given when the first row of the queue wants to be sent.

    A clock that was set back does not put it off for longer than any of the waits could be.
    """
    wanted = min(schedule.periodic, now + PERIOD)
    if queue_due is not None:
        wanted = min(wanted, queue_due)
    patience = min(schedule.not_before, now + LONGEST_BACKOFF)
    return max(wanted, patience, min(schedule.forbidden_until, now + LONGEST_WAIT))


def asked(schedule: Schedule, now: int) -> Schedule:
    """Run at once: somebody asked, the relay has news, or the line is back. What the relay forbade stays forbidden."""
    return replace(schedule, periodic=now, not_before=0, asks=schedule.asks + 1)


def succeeded(schedule: Schedule, now: int, *, started: Schedule) -> Schedule:
    """A round went through; `started` is the schedule by which it began."""
    asked_meanwhile = schedule.asks != started.asks
    return Schedule(periodic=now if asked_meanwhile else now + PERIOD, asks=schedule.asks)


def failed(schedule: Schedule, now: int, *, jitter: float, retry_after: int = 0) -> Schedule:
    """A round failed. `jitter` lies in [0, 1), `retry_after` is what the relay asked for, in milliseconds."""
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(schedule.failures, 20))
    wait = longest // 2 + int(jitter * longest / 2)
    return replace(
        schedule,
        periodic=now,
        not_before=now + wait,
        forbidden_until=now + min(retry_after, LONGEST_WAIT) if retry_after else 0,
        failures=schedule.failures + 1,
    )


def queue_time(now: int, *, playing: bool) -> int:
    """Return from when on a change that is made now wants to be sent."""
    return now + PLAYING_PACE if playing else now
