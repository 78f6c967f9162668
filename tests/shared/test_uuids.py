"""Ids that begin with their time: UUIDs of version 7 (RFC 9562, section 5.7)."""

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.times import LATEST, Instant
from balados_shared.uuids import born, new_uuid

times = st.integers(0, LATEST)
randoms = st.binary(min_size=10, max_size=10)


@given(times, randoms)
def test_an_id_is_a_uuid_of_version_7_that_says_when_it_was_made(now: int, random: bytes) -> None:
    uuid = UUID(new_uuid(now, random))
    assert (uuid.version, uuid.variant) == (7, RFC_4122)
    assert born(str(uuid)) == Instant(now)


@given(times, st.sets(st.integers(0, 2**74 - 1).map(lambda number: number.to_bytes(10, "big")), min_size=2))
def test_other_random_bits_make_another_id(now: int, randoms: set[bytes]) -> None:
    assert len({new_uuid(now, random) for random in randoms}) == len(randoms)


@given(times, times, randoms)
def test_ids_are_sorted_as_their_times_are(one: int, other: int, random: bytes) -> None:
    assert (new_uuid(one, random) < new_uuid(other, random)) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "queue",
        "0d3b9c1e-2f60-4d0c-8e9e-3d5f2b6a7c11",
        "00000000-0000-0000-0000-000000000000",
        f"{'f' * 12}70008{'0' * 15}",
    ],
)
def test_other_ids_do_not_say_when_they_were_made(text: str) -> None:
    assert born(text) is None
