"""The relay's answers, sorted by what helps."""

import pytest

from balados_daemon.sync.line import CursorUnknown, RelayRefused, RelayUnavailable, trouble


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507])
def test_these_are_worth_another_try(status: int) -> None:
    error = trouble(status, "", "not now", None)
    assert isinstance(error, RelayUnavailable)
    assert "not now" in str(error)
    assert error.retry_after == 0


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 415, 422])
def test_these_will_not_get_better_by_trying(status: int) -> None:
    error = trouble(status, "BAD_REQUEST", "device_id is missing", None)
    assert isinstance(error, RelayRefused)
    assert "device_id is missing" in str(error)


def test_a_refused_token_tells_the_person_to_pair_again() -> None:
    error = trouble(401, "UNAUTHORIZED", "Unauthorized", None)
    assert isinstance(error, RelayRefused)
    assert "pair it again" in str(error)


def test_another_history_is_no_failure_but_a_new_start() -> None:
    assert isinstance(trouble(409, "CURSOR_UNKNOWN", "start over", None), CursorUnknown)


@pytest.mark.parametrize(
    ("header", "milliseconds"),
    [
        ("120", 120_000),
        ("0", 0),
        (None, 0),
        ("", 0),
        ("-5", 0),
        ("1.5", 0),
        ("²", 0),  # a digit to str.isdigit, but no number
        ("9" * 5_000, 0),  # more than int() takes from a text
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
    ],
)
def test_retry_after_is_whole_seconds_or_nothing(header: str | None, milliseconds: int) -> None:
    error = trouble(503, "", "", header)
    assert isinstance(error, RelayUnavailable)
    assert error.retry_after == milliseconds
