"""Instants (DESIGN.md section 3): equal input compares equal, and nothing but our own error for what is no time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.errors import InvalidInput
from balados_shared.times import LATEST, Instant

NOON = 1_767_268_800_000


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        pytest.param("2026-01-01T12:00:00.000Z", NOON, id="our own form"),
        pytest.param("2026-01-01T12:00:00Z", NOON, id="whole seconds"),
        pytest.param("2026-01-01T14:00:00+02:00", NOON, id="an offset"),
        pytest.param("2025-12-31T23:00:00-13:00", NOON, id="an offset over midnight"),
        pytest.param("2026-01-01T12:00:00.0009999Z", NOON, id="finer is cut off, not rounded"),
        pytest.param("2026-01-01T12:00:00.001999+00:00", NOON + 1, id="microseconds"),
        pytest.param("1970-01-01T00:00:00Z", 0, id="the epoch"),
        pytest.param("9999-12-31T23:59:59.999Z", LATEST, id="the last millisecond"),
    ],
)
def test_a_time_is_read_to_the_millisecond_in_utc(written: str, milliseconds: int) -> None:
    assert Instant.read(written) == milliseconds


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param("", id="nothing"),
        pytest.param("yesterday", id="a word"),
        pytest.param("2026-01-01T12:00:00", id="no offset"),
        pytest.param("2026-01-01", id="a day"),
        pytest.param("2026-02-30T12:00:00Z", id="no such day"),
        pytest.param("1969-12-31T23:59:59.999Z", id="before 1970"),
        pytest.param("0001-01-01T00:00:00+23:59", id="before the first year"),
        pytest.param("9999-12-31T23:59:59-23:59", id="after the last year"),
        pytest.param("2026-01-01T12:00:00Z\x00", id="null byte"),
        pytest.param("2026-01-01T12:00:00\ud800Z", id="half a surrogate pair"),
        pytest.param(NOON, id="a number"),
        pytest.param(None, id="null"),
        pytest.param(True, id="a truth"),
    ],
)
def test_what_is_no_time_is_refused(bad: object) -> None:
    with pytest.raises(InvalidInput):
        Instant.read(bad)


@given(st.integers(0, LATEST))
def test_every_instant_comes_back_as_it_was_written(milliseconds: int) -> None:
    text = Instant(milliseconds).write()
    assert Instant.read(text) == milliseconds
    assert len(text) == 24


@given(st.integers(0, LATEST), st.integers(0, LATEST))
def test_written_times_sort_like_the_instants(a: int, b: int) -> None:
    assert (Instant(a).write() < Instant(b).write()) == (a < b)


@given(st.text() | st.text("0123456789-:TZ+. ", max_size=32))
def test_any_text_is_a_time_or_our_error(text: str) -> None:
    try:
        instant = Instant.read(text)
    except InvalidInput:
        return
    assert 0 <= instant <= LATEST
