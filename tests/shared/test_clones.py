"""Clones (DESIGN.md section 5): two machines on one device id are told apart by their counts and runs."""

import pytest

from balados_shared.clones import Seen, is_clone

KNOWN = Seen(count=10, run="r2")


@pytest.mark.parametrize(
    ("seen", "count", "runs", "starts_over", "clone"),
    [
        pytest.param(None, 0, [], False, False, id="never seen"),
        pytest.param(KNOWN, 10, ["r2"], False, False, id="the same run, nothing new"),
        pytest.param(KNOWN, 11, ["r2", "r3"], False, False, id="restarted since we last answered"),
        pytest.param(KNOWN, 9, ["r2"], False, True, id="it counted further before: an older copy"),
        pytest.param(KNOWN, 9, ["r2"], True, True, id="an older copy that starts over"),
        pytest.param(KNOWN, 11, ["r9"], False, True, id="another machine's run"),
        pytest.param(KNOWN, 11, [], False, True, id="no run named"),
        pytest.param(KNOWN, 11, ["r9"], True, False, id="starts over: it may have met another relay"),
        pytest.param(Seen(count=10, run=""), 11, ["r9"], False, False, id="its run was never known"),
    ],
)
def test_a_clone(seen: Seen | None, count: int, runs: list[str], starts_over: bool, clone: bool) -> None:
    assert is_clone(seen, count=count, runs=runs, starts_over=starts_over) is clone
