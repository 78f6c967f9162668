"""Places in lists: what is written is read again, and anything else is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.places import Arrivals, Newest, read_place
from balados_shared.times import LATEST

numbers = st.integers(0, LATEST)


@given(st.builds(Newest, numbers, numbers, numbers) | st.builds(Arrivals, numbers))
def test_a_place_is_read_as_it_was_written(place: Newest | Arrivals) -> None:
    assert read_place(place.write()) == place


def test_the_empty_text_is_the_beginning() -> None:
    assert read_place("") == Newest()


@pytest.mark.parametrize(
    "text", ["x", "n", "a", "a-1", "a1.2", "n1.2", "n1.2.3.4", "a1\n", "a١", "a" + "9" * 16, " a1"]
)
def test_anything_else_is_no_place(text: str) -> None:
    assert read_place(text) is None
