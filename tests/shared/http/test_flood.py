"""How much a connection, a person and a device may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.http.flood import (
    DEVICE_AT_ONCE,
    DEVICE_BYTES,
    DEVICE_PER_SECOND,
    MAX_IDLE_BUCKETS,
    MESSAGES_AT_ONCE,
    MESSAGES_PER_SECOND,
    PLAYS_PER_SECOND,
    REFUSALS_AT_ONCE,
    ConnectionLimit,
    Flooding,
    PlayLimit,
    TokenBucket,
)


class Ticks:
    """Seconds, as far as a test lets them go."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@given(pauses=st.lists(st.floats(0, 3), max_size=200), capacity=st.integers(1, 30), rate=st.integers(1, 50))
def test_in_any_time_no_more_is_taken_than_was_there_and_came_back(
    pauses: list[float], capacity: int, rate: int
) -> None:
    now, bucket, taken = 0.0, TokenBucket(capacity, rate, 0.0), 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
        assert taken <= capacity + rate * now + 1e-6


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1, 10, 100.0)
    assert bucket.take(100.0)
    assert not bucket.take(50.0)
    assert not bucket.take(100.0)


def test_a_connection_may_say_twenty_things_at_once_and_ten_a_second() -> None:
    ticks = Ticks()
    limit = ConnectionLimit(PlayLimit(), ticks)
    assert [limit.allows() for _ in range(MESSAGES_AT_ONCE + 1)] == [True] * MESSAGES_AT_ONCE + [False]
    ticks.now += 1
    assert [limit.allows() for _ in range(MESSAGES_PER_SECOND + 1)] == [True] * MESSAGES_PER_SECOND + [False]


def test_who_is_a_little_too_fast_for_long_is_refused_but_stays() -> None:
    ticks = Ticks()
    limit = ConnectionLimit(PlayLimit(), ticks)
    allowed = 0
    for _ in range(1_500):
        ticks.now += 1 / 15
        allowed += limit.allows()
    assert allowed == pytest.approx(MESSAGES_AT_ONCE + 100 * MESSAGES_PER_SECOND, abs=2)


def test_who_floods_is_ended() -> None:
    limit = ConnectionLimit(PlayLimit(), Ticks())
    for _ in range(MESSAGES_AT_ONCE + REFUSALS_AT_ONCE):
        limit.allows()
    with pytest.raises(Flooding):
        limit.allows()


def test_a_device_is_slowed_down_and_never_refused() -> None:
    ticks = Ticks()
    limit = ConnectionLimit(PlayLimit(), ticks)
    limit.is_device()
    assert all(limit.allows() for _ in range(10 * MESSAGES_AT_ONCE))
    assert limit.delay(DEVICE_BYTES * (DEVICE_AT_ONCE - 1)) == 0
    assert limit.delay(DEVICE_BYTES * DEVICE_PER_SECOND) == pytest.approx(1, abs=0.01)


def test_plays_are_counted_for_a_person_and_not_for_another() -> None:
    ticks, plays = Ticks(), PlayLimit()
    one, other, stranger = (ConnectionLimit(plays, ticks) for _ in range(3))
    assert all(limit.allows_play(1) for limit in (one, other) for _ in range(PLAYS_PER_SECOND // 2))
    assert not one.allows_play(1)
    assert stranger.allows_play(2)
    ticks.now += 1
    assert one.allows_play(1)


def test_who_was_quiet_for_long_is_forgotten() -> None:
    plays = PlayLimit()
    for account in range(MAX_IDLE_BUCKETS):
        plays.allows(account, 0.0)
    plays.allows(-1, 100.0)
    assert len(plays._buckets) == 1
