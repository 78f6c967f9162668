"""The mass-removal brake: more than 10 subscriptions and more than 10 % of them within an hour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_daemon.sync.brake import WINDOW, must_brake
from balados_shared.times import HOUR


def test_the_window_is_an_hour() -> None:
    assert WINDOW == HOUR


@pytest.mark.parametrize(
    ("leaving", "left_before", "subscribed", "braked"),
    [
        (11, 0, 20, True),
        (10, 0, 20, False),  # ten are few
        (11, 0, 110, False),  # exactly 10 % is not more than that
        (11, 0, 109, True),
        (1, 10, 10, True),  # one by one counts as well
        (1, 9, 11, False),
        (1, 10, 100, False),  # 11 of the 110 that there were
        (0, 50, 10, False),  # there is nothing to hold
    ],
)
def test_more_than_ten_and_more_than_ten_percent_brake(
    leaving: int, left_before: int, subscribed: int, braked: bool
) -> None:
    assert must_brake(leaving=leaving, left_before=left_before, subscribed=subscribed) is braked


@given(st.integers(1, 500), st.integers(0, 500), st.integers(0, 500))
def test_more_removals_never_release_the_brake(leaving: int, left_before: int, more: int) -> None:
    subscribed = 500
    if must_brake(leaving=leaving, left_before=left_before, subscribed=subscribed):
        assert must_brake(leaving=leaving + more, left_before=left_before, subscribed=subscribed)
