"""`merge` (DESIGN.md section 4): a join, over anything well-formed and over all that devices can reach."""

import itertools
from functools import reduce
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from balados_shared.kinds import PlayStatus, Subscription
from balados_shared.record import Dot, Head, Record, merge
from balados_shared.rules import resolve
from balados_shared.times import Instant
from support.strategies import FEED, ITEM, NOON, History, histories, several


def same(a: Record, b: Record) -> bool:
    """Equal, also as text. Two states that lie about each other may leave no head: see test_events."""
    if a != b or repr(a.heads) != repr(b.heads):
        return False
    return not a.heads or resolve(a.heads) == resolve(b.heads)


@given(several(3))
def test_merge_is_associative(states: list[Record]) -> None:
    a, b, c = states
    assert same(merge(merge(a, b), c), merge(a, merge(b, c)))


@given(several(2))
def test_merge_is_commutative(states: list[Record]) -> None:
    a, b = states
    assert same(merge(a, b), merge(b, a))


@given(several(2))
def test_merge_is_idempotent(states: list[Record]) -> None:
    a, b = states
    joined = merge(a, b)
    assert same(merge(a, a), a)
    assert same(merge(joined, b), joined)
    assert same(merge(a, joined), joined)


@given(several(4), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_ends_equal(states: list[Record], random: Random) -> None:
    shuffled = [*states, *random.sample(states, 2)]
    random.shuffle(shuffled)
    assert same(reduce(merge, states), reduce(merge, shuffled))


@given(several(2))
def test_a_join_has_heads_and_its_vector_covers_them(states: list[Record]) -> None:
    a, b = states
    joined = merge(a, b)
    assert joined.heads == tuple(sorted(joined.heads, key=lambda head: head.dot))
    assert all(joined.covers(head.dot) for head in joined.heads)
    assert all(joined.vector[d] == max(a.vector.get(d, 0), b.vector.get(d, 0)) for d in (*a.vector, *b.vector))


@given(histories().filter(lambda history: history.states))
def test_over_reachable_states_merge_is_a_join_that_never_ends_empty(history: History) -> None:
    states = history.states[-4:]
    wholes = [reduce(merge, order) for order in itertools.permutations(states)]
    assert all(same(whole, wholes[0]) for whole in wholes)
    assert wholes[0].heads
    a, b, c = (states * 3)[:3]
    assert same(merge(merge(a, b), c), merge(a, merge(b, c)))
    assert same(merge(a, a), a)


@given(histories().filter(lambda history: history.states))
def test_devices_that_exchanged_everything_hold_the_same(history: History) -> None:
    held = [copy for copy in history.copies.values() if copy is not None]
    everything = reduce(merge, history.states)
    assert same(reduce(merge, held), reduce(merge, reversed(held)))
    # What a device once held is known to what it holds now: old states bring nothing new.
    assert same(reduce(merge, held), everything)


def status(device: str, number: int, **fields: object) -> Head:
    value = PlayStatus(rss_source_feed=FEED, rss_source_item=ITEM, position=1, played=False, updated_at=Instant(NOON))
    return Head(device, number, replace(value, **fields))


A1, A2, B1 = status("A", 1), status("A", 2), status("B", 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "stand"),
    [
        pytest.param(Record.of([A1], {}), Record.of([B1], {}), [A1, B1], id="made apart: both stand"),
        pytest.param(Record.of([A1], {}), Record.of([B1], {"A": 1}), [B1], id="known: replaced"),
        pytest.param(Record.of([A2], {}), Record.of([A1], {}), [A2], id="the same device's later change"),
        pytest.param(Record.of([A2], {}), Record.of([B1], {"A": 1}), [A2, B1], id="known in part: both stand"),
        pytest.param(Record.of([A1, B1], {}), Record.of([A1], {"B": 1}), [A1], id="one of two replaced"),
        pytest.param(Record.of([A1], {}), Record.of([A1], {"B": 9}), [A1], id="only more is known"),
    ],
)
def test_a_head_stays_unless_the_other_side_knew_it_and_has_it_no_more(
    ours: Record, theirs: Record, stand: list[Head]
) -> None:
    assert list(merge(ours, theirs).heads) == stand
    assert list(merge(theirs, ours).heads) == stand


def test_of_two_heads_of_one_dot_the_earlier_time_stands() -> None:
    late, early = status("A", 1, updated_at=Instant(NOON + 9)), status("A", 1, updated_at=Instant(NOON))
    for a, b in ((late, early), (early, late)):
        assert merge(Record.of([a], {}), Record.of([b], {})).heads == (early,)


def test_of_two_heads_of_one_dot_and_time_the_purged_one_stands() -> None:
    whole = Subscription(rss_source_feed=FEED, subscribed_at=Instant(1), unsubscribed_at=Instant(2), title="x")
    stub = replace(whole, title=None, purged=True)
    for a, b in ((whole, stub), (stub, whole)):
        joined = merge(Record.of([Head("A", 1, a)], {}), Record.of([Head("A", 1, b)], {}))
        assert joined.name == stub


def test_a_purged_stub_keeps_old_copies_from_coming_back() -> None:
    old = Subscription(rss_source_feed=FEED, subscribed_at=Instant(1), title="x")
    stub = Subscription(rss_source_feed=FEED, subscribed_at=Instant(1), unsubscribed_at=Instant(2), purged=True)
    joined = merge(Record.of([Head("B", 5, stub)], {"A": 1}), Record.of([Head("A", 1, old)], {}))
    assert joined.heads == (Head("B", 5, stub),)


def test_a_record_covers_what_went_into_it() -> None:
    record = Record.of([A2], {"B": 3})
    assert record.covers(Dot("A", 1))
    assert record.covers(Dot("B", 3))
    assert not record.covers(Dot("A", 3))
    assert not record.covers(Dot("C", 1))
