"""Purging (DESIGN.md section 3, deletions): nothing is left but key, vector and dates, and no merge can tell."""

from functools import reduce
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared import kinds
from balados_shared.edit import Edit, edit, subscribe, unsubscribe
from balados_shared.fingerprint import fingerprint
from balados_shared.kinds import Value
from balados_shared.purge import purge, stub_of
from balados_shared.record import Dot, Head, Record, merge
from balados_shared.rules import resolve, value_of
from balados_shared.wire import encode_record, stored_record, value_fields
from support.strategies import DEVICES, FEED, FIELDS, ITEM, NOON, OTHER_FEED, devices, extras, several

REMOVABLE = [kind for kind in kinds.ALL if kind.removed]
SECRET = "what somebody wrote"


def gone_value(kind: type[Value]) -> st.SearchStrategy[Value]:
    """Values that are deleted, full of what should not outlive that."""
    fields = {name: strategy for name, strategy in FIELDS[kind].items() if name != "purged"}
    return st.builds(kind, extra=extras, **fields).filter(lambda value: not value.present)


@st.composite
def honest(draw: st.DrawFn, number: int) -> list[Record]:
    """That many states of one record in which a dot always names the same change, of which some may be purged."""
    kind = draw(st.sampled_from(REMOVABLE))
    fields = {name: strategy for name, strategy in FIELDS[kind].items() if name != "purged"}
    said: dict[Dot, Value] = {}

    def state() -> Record:
        dots = draw(st.lists(st.tuples(devices, st.integers(1, 3)), min_size=1, max_size=3, unique=True))
        heads = []
        for dot in [Dot(*dot) for dot in dots]:
            if dot not in said:
                said[dot] = draw(st.builds(kind, extra=extras, **fields))
            heads.append(Head(*dot, said[dot]))
        return Record.of(heads, draw(st.dictionaries(devices, st.integers(1, 3))))

    states = [state() for _ in range(number)]
    return [purge(each) if draw(st.booleans()) else each for each in states]


def settled(record: Record) -> tuple[Any, ...]:
    """What a record says apart from words: whether it is there, since when, and who decided by which rule."""
    resolution = resolve(record.heads)
    value = resolution.value
    return value.key, value.present, value.dates, resolution.rule, resolution.head.dot


def bones(record: Record) -> tuple[Any, ...]:
    return [head.dot for head in record.heads], record.vector


@pytest.mark.parametrize("kind", REMOVABLE, ids=lambda kind: kind.kind)
@given(data=st.data())
def test_a_stub_holds_its_key_and_dates_and_nothing_else(kind: type[Value], data: st.DataObject) -> None:
    value = data.draw(gone_value(kind))
    stub = stub_of(value)
    assert (stub.key, stub.dates, stub.present, stub.tie) == (value.key, value.dates, False, value.tie)
    allowed = {*kind.identity, *value.dates, "purged"}
    empty = {name: field for name, field in value_fields(stub).items() if name not in allowed}
    assert set(empty.items()) <= {("name", ""), ("title", ""), ("rank", "V")}
    assert stub.extra == {}
    record = Record.of([Head("A", 1, stub)], {})
    assert stored_record(kind, encode_record(record)) == record


@given(several(1))
def test_only_what_is_deleted_is_purged(states: list[Record]) -> None:
    (record,) = states
    purged = purge(record)
    assert (purged is record) == value_of(record).present or purged == record
    assert fingerprint([value_of(purged)]) == fingerprint([value_of(record)])
    assert settled(purged) == settled(record)
    assert bones(purged) == bones(record)
    assert purge(purged) == purged


@given(honest(1))
def test_a_purged_copy_and_a_whole_one_merge_into_the_purged_one(states: list[Record]) -> None:
    (whole,) = states
    purged = purge(whole)
    assert merge(purged, whole) == merge(whole, purged) == purged


@given(honest(2))
def test_it_does_not_matter_whether_one_purges_before_or_after_a_merge(states: list[Record]) -> None:
    a, b = states
    whole = merge(a, b)
    if not whole.heads:
        return  # two states that lie about each other: test_events
    for joined in (merge(purge(a), b), merge(a, purge(b)), merge(purge(a), purge(b)), merge(b, purge(a))):
        assert settled(joined) == settled(whole)
        assert bones(joined) == bones(whole)
        if not value_of(whole).present:  # else what lost may be a stub
            assert purge(joined) == purge(whole)


@given(honest(3), st.randoms(use_true_random=False))
def test_merge_stays_a_join_among_purged_and_whole_copies(states: list[Record], random: Random) -> None:
    copies = [*states, *map(purge, states)]
    shuffled = [*copies, *random.sample(copies, 2)]
    random.shuffle(shuffled)
    assert reduce(merge, shuffled) == reduce(merge, copies)


A1 = Dot("A", 1)
WISHES = [subscribe(FEED, title=SECRET), subscribe(FEED), unsubscribe(FEED)]
A_PLAYLIST: dict[str, Any] = {"kind": "playlist", "name": {"id": "p1"}}
LIST_WISHES = [
    Edit(**A_PLAYLIST, sets={"name": SECRET, "description": SECRET}, present=True),
    Edit(**A_PLAYLIST, sets={"name": SECRET}),
    Edit(**A_PLAYLIST, present=False),
]


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Edit], list[tuple[str, str, str, int]]]:
    """What three devices, whose clocks are wrong by days, do to one record: edit, exchange, purge."""
    step = st.tuples(
        st.sampled_from(["edit", "exchange", "purge"]), devices, devices, st.sampled_from([0, -(10**9), 10**9])
    )
    return draw(st.sampled_from([WISHES, LIST_WISHES])), draw(st.lists(step, min_size=3, max_size=20))


@given(lives(), st.randoms(use_true_random=False))
def test_devices_that_purge_when_they_like_end_equal(
    life: tuple[list[Edit], list[tuple[str, str, str, int]]], random: Random
) -> None:
    wishes, steps = life
    held: dict[str, Record | None] = dict.fromkeys(DEVICES)
    for now, (what, device, other, ahead) in enumerate(steps, NOON):
        mine, theirs = held[device], held[other]
        if what == "edit":
            number = max(now, mine.vector.get(device, 0) + 1 if mine else 0)
            wish = random.choice(wishes)
            if mine is not None or "name" in wish.sets or wish.kind == "subscription":
                held[device] = edit(mine, wish, Dot(device, number), now + ahead) or mine
        elif what == "exchange" and theirs:
            held[device] = merge(mine, theirs) if mine else theirs
        elif what == "purge" and mine:
            held[device] = purge(mine)
    copies = [copy for copy in held.values() if copy]
    if not copies:
        return
    whole = reduce(merge, copies)
    assert reduce(merge, reversed(copies)) == whole
    # What is there was never purged: the head that stands is one that nobody had deleted.
    assert not (value_of(whole).present and value_of(whole).purged)
    if not value_of(whole).present:
        assert SECRET.encode() not in encode_record(purge(whole))


@given(st.integers(1, 5), st.booleans())
def test_an_old_device_returns_and_what_was_deleted_stays_so(late: int, purged_here: bool) -> None:
    first = edit(None, subscribe(FEED, title=SECRET), Dot("A", 1), NOON)
    assert first
    gone = edit(first, unsubscribe(FEED), Dot("B", 1), NOON + late)
    assert gone
    here = purge(gone) if purged_here else gone
    assert merge(here, first) == merge(first, here) == here
    assert not value_of(merge(here, first)).present


@pytest.mark.parametrize("later", [-5, 0, 5])
def test_what_an_old_device_did_without_knowing_is_settled_by_the_dates(later: int) -> None:
    first = edit(None, subscribe(FEED, title=SECRET), A1, NOON)
    left = edit(first, unsubscribe(FEED), Dot("B", 1), NOON + 10)
    away = edit(first, unsubscribe(FEED), Dot("C", 1), NOON + 10 + later - 1)
    assert left
    back = edit(away, subscribe(FEED, title="again"), Dot("C", 2), NOON + 10 + later)
    assert back
    joined = merge(purge(left), back)
    assert settled(joined) == settled(merge(left, back))
    assert value_of(joined).present == (later >= 0)


def test_the_items_of_a_deleted_playlist_are_purged_when_they_are_removed_themselves() -> None:
    episode = {"playlist_id": "p1", "rss_source_feed": OTHER_FEED, "rss_source_item": ITEM}
    there = edit(
        None, Edit(kind="playlist_item", name=episode, sets={"rank": "V000.A", "item_title": SECRET}), A1, NOON
    )
    assert there
    assert purge(there) is there
    gone = edit(there, Edit(kind="playlist_item", name=episode, present=False), Dot("A", 2), NOON + 1)
    assert gone
    assert SECRET.encode() not in encode_record(purge(gone))
