"""Clocks (DESIGN.md section 5): times ahead are capped, the order of a record's dates stays, offsets are measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.clock import CAP, cap, offset
from balados_shared.kinds import PlaylistItem, Subscription
from balados_shared.record import Head, Record, merge
from balados_shared.rules import value_of
from balados_shared.times import DAY, Instant
from support.strategies import FEED, ITEM, NOON, all_kinds, records

some_records = all_kinds.flatmap(records)
clocks = st.integers(NOON - DAY, NOON + DAY) | st.integers(NOON - CAP - 3, NOON + 3)


@given(some_records, clocks)
def test_no_date_is_later_than_the_cap(record: Record, now: int) -> None:
    capped = cap(record, now)
    assert all(date <= now + CAP for head in capped.heads for date in head.value.dates.values())
    assert capped.vector == record.vector
    assert [head.dot for head in capped.heads] == [head.dot for head in record.heads]
    assert cap(capped, now) is capped


@given(some_records, clocks)
def test_what_is_there_stays_there_and_what_is_gone_stays_gone(record: Record, now: int) -> None:
    capped = cap(record, now)
    assert [head.value.present for head in capped.heads] == [head.value.present for head in record.heads]


@given(some_records, clocks, clocks)
def test_of_capped_and_uncapped_the_earlier_stands_wherever_they_meet(record: Record, one: int, two: int) -> None:
    earliest = cap(record, min(one, two))
    states = [record, cap(record, one), cap(record, two)]
    times = [head.value.time for head in earliest.heads]
    for a in states[1:]:
        joined = merge(merge(a, record), cap(record, min(one, two)))
        assert [head.value.time for head in joined.heads] == times


@given(some_records)
def test_a_record_within_the_cap_is_left_alone(record: Record) -> None:
    assert cap(record, max(max(head.value.dates.values()) for head in record.heads) - CAP) is record


def test_an_unsubscribe_from_the_future_stays_one() -> None:
    gone = Subscription(
        rss_source_feed=FEED, subscribed_at=Instant(NOON + DAY), unsubscribed_at=Instant(NOON + DAY + 5)
    )
    value = value_of(cap(Record.of([Head("A", 1, gone)], {}), NOON))
    assert value.dates == {"subscribed_at": NOON + CAP - 1, "unsubscribed_at": NOON + CAP}
    assert not value.present


def test_dates_beside_the_stamp_are_capped_too() -> None:
    item = PlaylistItem(
        playlist_id="queue",
        rss_source_feed=FEED,
        rss_source_item=ITEM,
        rank="V",
        added_at=Instant(NOON + DAY),
        updated_at=Instant(NOON),
    )
    assert value_of(cap(Record.of([Head("A", 1, item)], {}), NOON)).dates["added_at"] == NOON + CAP


@pytest.mark.parametrize(
    ("sent", "received", "theirs", "expected"),
    [
        pytest.param(NOON, NOON, NOON, 0, id="equal"),
        pytest.param(NOON, NOON + 200, NOON + 100, 0, id="the middle of the way"),
        pytest.param(NOON, NOON, NOON + 2_000, 0, id="too little to tell"),
        pytest.param(NOON, NOON, NOON + 2_001, 2_001, id="we are behind"),
        pytest.param(NOON, NOON, NOON - 3_660_000, -3_660_000, id="we are 61 minutes ahead"),
        pytest.param(NOON, NOON + 10_000, NOON + 11_000, 0, id="a slow answer tells less"),
    ],
)
def test_the_offset_of_our_clock(sent: int, received: int, theirs: int, expected: int) -> None:
    assert offset(sent, received, theirs) == expected
