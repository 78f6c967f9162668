"""Cursors (DESIGN.md sections 4 and 5): opaque text that names one point of one history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.cursor import Cursor, next_tag


@pytest.mark.parametrize(
    ("text", "cursor"),
    [
        pytest.param("", Cursor(0, ""), id="the start"),
        pytest.param("57.c01d2e", Cursor(57, "c01d2e"), id="a point"),
        pytest.param("57", None, id="no tag"),
        pytest.param("57.", None, id="an empty tag"),
        pytest.param(".c01d2e", None, id="no number"),
        pytest.param("-1.c01d2e", None, id="negative"),
        pytest.param("1e3.c01d2e", None, id="a float"),
        pytest.param("٣.c01d2e", None, id="digits of another script"),
        pytest.param("²" + ".c01d2e", None, id="superscript"),
        pytest.param("9" * 16 + ".c01d2e", None, id="too large a number"),
        pytest.param(" 57.c01d2e", None, id="a blank"),
    ],
)
def test_a_cursor_is_read_or_it_is_none(text: str, cursor: Cursor | None) -> None:
    assert Cursor.read(text) == cursor


@given(st.integers(1, 10**15 - 1), st.text("0123456789abcdef", min_size=16, max_size=16))
def test_a_cursor_comes_back_as_it_was_written(revision: int, tag: str) -> None:
    assert Cursor.read(Cursor(revision, tag).write()) == (revision, tag)


@given(st.text() | st.text("0123456789.a", max_size=30))
def test_any_text_can_be_read(text: str) -> None:
    cursor = Cursor.read(text)
    assert cursor is None or 0 <= cursor.revision < 2**63


states = st.lists(st.binary(max_size=4), max_size=5)


def tag_of(history: list[bytes]) -> str:
    tag = ""
    for state in history:
        tag = next_tag(tag, state)
    return tag


@given(states, states)
def test_two_histories_never_share_a_tag(one: list[bytes], two: list[bytes]) -> None:
    assert (tag_of(one) == tag_of(two)) == (one == two)


def test_a_history_that_branched_never_comes_together_again() -> None:
    assert tag_of([b"a", b"x", b"z"]) != tag_of([b"a", b"y", b"z"])
