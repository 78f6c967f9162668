"""When the next round is due: every rule of the schedule, with the time and the jitter as arguments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_daemon.sync import schedule as plan
from balados_daemon.sync.schedule import LONGEST_BACKOFF, LONGEST_WAIT, PERIOD, PLAYING_PACE, Schedule
from balados_shared.times import DAY, HOUR, MINUTE, SECOND
from support.strategies import NOON

jitters = st.floats(0, 1, exclude_max=True)


def in_step(now: int = NOON) -> Schedule:
    return plan.succeeded(Schedule(), now, started=Schedule())


def failed(times: int, *, jitter: float = 0.5, retry_after: int = 0) -> Schedule:
    schedule = in_step()
    for _ in range(times):
        schedule = plan.failed(schedule, NOON, jitter=jitter, retry_after=retry_after)
    return schedule


def wait(schedule: Schedule, queue_due: int | None = None, now: int = NOON) -> int:
    return plan.due(schedule, queue_due, now=now) - now


def test_a_new_schedule_runs_at_once() -> None:
    assert wait(Schedule()) <= 0


def test_with_nothing_to_send_it_runs_every_quarter_of_an_hour() -> None:
    assert wait(in_step()) == PERIOD == 15 * MINUTE


def test_a_change_is_sent_at_once() -> None:
    assert wait(in_step(), plan.queue_time(NOON, playing=False)) == 0


def test_an_episode_that_plays_on_is_gathered_for_thirty_seconds() -> None:
    assert wait(in_step(), plan.queue_time(NOON, playing=True)) == PLAYING_PACE == 30 * SECOND


def test_a_pause_does_not_wait_for_what_is_gathered() -> None:
    gathered, paused = plan.queue_time(NOON, playing=True), plan.queue_time(NOON + SECOND, playing=False)
    assert wait(in_step(), min(gathered, paused), now=NOON + SECOND) == 0


def test_who_asks_during_a_round_is_not_forgotten_at_its_end() -> None:
    started = in_step()
    asked = plan.asked(started, NOON + SECOND)
    ended = plan.succeeded(asked, NOON + 2 * SECOND, started=started)
    assert wait(ended, now=NOON + 2 * SECOND) == 0


def test_who_asked_before_a_round_is_served_by_it() -> None:
    asked = plan.asked(in_step(), NOON)
    assert wait(plan.succeeded(asked, NOON, started=asked)) == PERIOD


def test_a_success_forgets_the_failures_before_it() -> None:
    trouble = failed(5, retry_after=HOUR)
    assert plan.succeeded(trouble, NOON, started=trouble) == in_step()


@given(st.integers(1, 60), jitters)
def test_the_wait_doubles_within_its_jitter_up_to_the_ceiling(failures: int, jitter: float) -> None:
    longest = min(15 * MINUTE, 2 * SECOND * 2 ** (failures - 1))
    assert longest // 2 <= wait(failed(failures, jitter=jitter)) <= longest


def test_the_wait_really_doubles() -> None:
    waits = [wait(failed(failures)) for failures in range(1, 12)]
    assert waits[:4] == [1_500, 3_000, 6_000, 12_000]
    assert waits[-1] == LONGEST_BACKOFF * 3 // 4


def test_a_change_does_not_cut_the_wait_short() -> None:
    assert wait(failed(6), NOON) == wait(failed(6)) > 0


def test_a_reconnect_cuts_our_own_wait_short() -> None:
    assert wait(plan.asked(failed(6), NOON)) == 0


def test_what_the_relay_asked_for_is_honoured() -> None:
    assert wait(failed(1, retry_after=HOUR)) == HOUR


def test_a_short_retry_after_does_not_shorten_our_own_wait() -> None:
    assert wait(failed(9, retry_after=SECOND)) == wait(failed(9)) > SECOND


def test_a_reconnect_does_not_override_what_the_relay_asked_for() -> None:
    assert wait(plan.asked(failed(1, retry_after=HOUR), NOON)) == HOUR


def test_a_relay_can_keep_us_away_for_a_day_at_most() -> None:
    assert wait(failed(1, retry_after=30 * DAY)) == LONGEST_WAIT == DAY


def test_a_later_failure_without_retry_after_lifts_the_earlier_one() -> None:
    later = plan.failed(failed(1, retry_after=HOUR), NOON + HOUR, jitter=0)
    assert wait(plan.asked(later, NOON + HOUR), now=NOON + HOUR) == 0


@pytest.mark.parametrize(
    ("schedule", "longest"),
    [(in_step(), PERIOD), (failed(20), LONGEST_BACKOFF), (failed(1, retry_after=DAY), DAY)],
    ids=["in step", "after failures", "asked to stay away"],
)
@given(back=st.integers(1, 10_000 * DAY))
def test_a_clock_that_was_set_back_puts_nothing_off_for_longer_than_it_could_be(
    schedule: Schedule, longest: int, back: int
) -> None:
    assert wait(schedule, now=NOON - back) <= longest


@given(st.lists(st.sampled_from(["asked", "failed", "succeeded"]), max_size=30), jitters, st.integers(0, 2 * DAY))
def test_whatever_happens_it_never_gives_up(steps: list[str], jitter: float, retry_after: int) -> None:
    schedule = Schedule()
    for step in steps:
        if step == "asked":
            schedule = plan.asked(schedule, NOON)
        elif step == "failed":
            schedule = plan.failed(schedule, NOON, jitter=jitter, retry_after=retry_after)
        else:
            schedule = plan.succeeded(schedule, NOON, started=schedule)
    assert wait(schedule) <= DAY
