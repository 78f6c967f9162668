"""The rules of limits: what they grant is always to be had, one more is refused, and waiting always helps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_relay.api.windows import Exceeded, Limit, Windows
from balados_shared.times import SECOND

FIVE = Limit(5, 60)
MINUTE = 60 * SECOND


def taken(windows: Windows, now: int, key: str = "a") -> bool:
    try:
        windows.take({key: FIVE}, now)
    except Exceeded:
        return False
    return True


def test_one_more_than_granted_is_refused_until_the_window_is_over() -> None:
    windows = Windows()
    assert [taken(windows, now) for now in (0, 1, 2, 3, 4, 59_999)] == [True] * 5 + [False]
    assert taken(windows, MINUTE)


@given(st.lists(st.integers(0, 20_000), max_size=60))
def test_who_keeps_to_a_limit_is_never_refused(gaps: list[int]) -> None:
    times: list[int] = []
    windows, now = Windows(), 0
    for gap in gaps:
        now += gap
        if len([time for time in times if time > now - MINUTE]) < FIVE.amount:
            assert taken(windows, now)
            times.append(now)


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=60))
def test_whoever_waits_as_long_as_told_gets_in(gaps: list[int]) -> None:
    windows, now = Windows(), 0
    for gap in gaps:
        now += gap
        try:
            windows.take({"a": FIVE}, now)
        except Exceeded as exceeded:
            assert 0 < exceeded.standing.wait <= MINUTE
            assert not taken(windows, now + exceeded.standing.wait - 1)
            now += exceeded.standing.wait
            assert taken(windows, now)


def test_what_is_refused_by_one_limit_counts_for_none() -> None:
    windows, wide = Windows(), Limit(6, 60)
    for _ in range(5):
        windows.take({"app": FIVE, "account": wide}, 0)
    for _ in range(3):
        with pytest.raises(Exceeded):
            windows.take({"app": FIVE, "account": wide}, 0)
    assert windows.take({"other app": FIVE, "account": wide}, 0).left == 0


def test_the_tightest_limit_is_told() -> None:
    assert Windows().take({"app": Limit(3, 10), "account": Limit(2, 60)}, 0) == (Limit(2, 60), 1, MINUTE)


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    windows = Windows()
    assert all(taken(windows, 10 * MINUTE) for _ in range(5))
    assert taken(windows, 0)


def test_memory_is_bounded_however_many_come() -> None:
    windows = Windows(most_keys=3)
    for number in range(100):
        assert taken(windows, number, f"key {number}")
    assert [len(each) for each in windows._windows.values()] == [3]


def test_windows_that_are_over_are_forgotten() -> None:
    windows = Windows()
    for number in range(100):
        taken(windows, 0, f"key {number}")
    taken(windows, MINUTE, "new")
    assert [len(each) for each in windows._windows.values()] == [1]
