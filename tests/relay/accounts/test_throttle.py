"""How often one may be wrong, and until when."""

import pytest

from balados_relay.accounts.throttle import WINDOW, Counted, WrongTries, network_of
from balados_shared.problems import Problem

HERE, THERE = Counted("source", "here"), Counted("source", "there")
ALL = Counted("all")


def tries() -> WrongTries:
    return WrongTries({"source": 2, "all": 3}, "Too many.")


def test_the_limit_of_each_count_holds_and_ends_by_itself() -> None:
    wrong = tries()
    wrong.begin(0, HERE, ALL)
    wrong.begin(1_000, HERE, ALL)
    with pytest.raises(Problem) as refused:
        wrong.begin(2_000, HERE, ALL)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, str((WINDOW - 2_000) // 1_000))
    wrong.begin(2_000, THERE, ALL)
    with pytest.raises(Problem):
        wrong.begin(2_000, THERE, ALL)
    wrong.begin(WINDOW, HERE, ALL)
    with pytest.raises(Problem):
        wrong.begin(WINDOW, HERE, ALL)


def test_what_was_right_does_not_count() -> None:
    wrong = tries()
    for _ in range(10):
        wrong.take_back(wrong.begin(0, HERE, ALL))
    first = wrong.begin(0, HERE, ALL)
    wrong.take_back(first)
    wrong.take_back(first)
    wrong.begin(0, HERE, ALL)
    wrong.begin(0, HERE, ALL)
    with pytest.raises(Problem):
        wrong.begin(0, HERE, ALL)


def test_what_is_over_is_forgotten() -> None:
    wrong = tries()
    begun = wrong.begin(0, HERE, ALL)
    wrong.begin(WINDOW, THERE)
    wrong.take_back(begun)
    assert list(wrong._times) == [THERE]


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("here", "here"),
        ("", ""),
    ],
)
def test_whoever_holds_a_network_counts_once(source: str, counted: str) -> None:
    assert network_of(source) == counted
