"""`edit` (DESIGN.md sections 4 and 5): it replaces what it knew and nothing else, and is later than all that."""

from typing import Any, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from balados_shared.edit import Edit, edit, like, progress, subscribe, unlike, unsubscribe
from balados_shared.errors import InvalidInput, Refused
from balados_shared.kinds import Listen, PlayStatus, Subscription
from balados_shared.record import Dot, Head, Record, merge
from balados_shared.rules import value_of
from balados_shared.times import DAY, LATEST, Instant
from support.strategies import DEVICES, FEED, ITEM, NOON, OTHER_FEED, History, histories, playing, records, subscribing


def made(record: Record | None, wish: Edit, device: str = "A", now: int = NOON) -> Record:
    after = edit(record, wish, Dot(device, max(now, *(record.vector.values() if record else [0])) + 1), now)
    assert after is not None
    return after


def status(record: Record) -> PlayStatus:
    return cast("PlayStatus", value_of(record))


def test_a_rewind_counts_and_furthest_stays() -> None:
    far = made(None, progress(FEED, ITEM, position=1_800.0, duration=2_000.0))
    back = merge(made(far, progress(FEED, ITEM, position=600.0), "B", NOON + 1_000), far)
    assert (status(back).position, status(back).furthest, status(back).duration) == (600.0, 1_800.0, 2_000.0)


def test_marking_as_unplayed_holds_against_what_it_knew() -> None:
    played = made(None, progress(FEED, ITEM, played=True))
    unplayed = made(played, progress(FEED, ITEM, played=False), "B")
    assert status(merge(unplayed, played)).played is False


def test_marking_as_unplayed_yields_to_a_played_it_did_not_know() -> None:
    played = made(None, progress(FEED, ITEM, played=True))
    unplayed = made(played, progress(FEED, ITEM, played=False), "B")
    again = made(played, progress(FEED, ITEM, position=5.0), "C")
    assert status(merge(unplayed, again)).played is True


def test_subscribing_again_holds_whatever_the_clock_says() -> None:
    gone = made(made(None, subscribe(FEED, title="x")), unsubscribe(FEED), now=NOON + 9 * DAY)
    assert not value_of(gone).present
    back = merge(made(gone, subscribe(FEED), "B", NOON), gone)
    assert value_of(back).present
    assert cast("Subscription", value_of(back)).title == "x"


def test_unliking_holds_and_liking_again_too() -> None:
    liked = made(None, like(FEED, ITEM))
    unliked = made(liked, unlike(FEED, ITEM), "B", NOON - DAY)
    assert not value_of(merge(unliked, liked)).present
    assert value_of(made(unliked, like(FEED, ITEM), "C", NOON - DAY)).present


@given(histories(), st.sampled_from(DEVICES), st.data())
def test_an_edit_replaces_what_it_knew_and_nothing_else(history: History, device: str, data: st.DataObject) -> None:
    record = history.copies[device]
    assume(record is not None)
    assert record is not None
    wish = playing(data.draw) if record.kind == "play_status" else subscribing(data.draw)
    dot = history.dot(device, NOON)
    after = edit(record, wish, dot, NOON)
    assume(after is not None)
    assert after is not None
    assert [head.dot for head in after.heads] == [dot]
    assert after.vector == {**record.vector, device: dot.number}
    assert merge(after, record) == after
    for copy in history.copies.values():
        unknown = {head.dot for head in copy.heads if not record.covers(head.dot)} if copy else set()
        assert copy is None or unknown <= {head.dot for head in merge(after, copy).heads}


@given(records(PlayStatus), st.integers(0, NOON + DAY), st.data())
def test_an_edit_is_later_than_all_it_knew(record: Record, now: int, data: st.DataObject) -> None:
    after = edit(record, playing(data.draw), Dot("A", 9), now)
    if after is not None:
        assert after.time == max(now, record.time + 1)
        assert status(after).furthest >= max(cast("PlayStatus", head.value).furthest for head in record.heads)


@given(records(Subscription), st.integers(0, NOON + DAY), st.booleans())
def test_coming_and_going_does_what_was_wished(record: Record, now: int, present: bool) -> None:
    wish = subscribe(FEED) if present else unsubscribe(FEED)
    after = edit(record, wish, Dot("A", 9), now) or record
    assert value_of(after).present is present
    if present != value_of(record).present:
        assert after.time > record.time


@given(histories())
def test_furthest_never_shrinks_whatever_happens(history: History) -> None:
    states = [state for state in history.states if state.kind == "play_status"]
    for copy in history.copies.values():
        known = [s for s in states if copy and all(copy.covers(head.dot) for head in s.heads)]
        assert all(status(cast("Record", copy)).furthest >= status(state).furthest for state in known)


@pytest.mark.parametrize(
    ("before", "wish"),
    [
        pytest.param(None, unsubscribe(FEED), id="leaving what was never there"),
        pytest.param(subscribe(FEED, title="x"), subscribe(FEED), id="following what is followed"),
        pytest.param(subscribe(FEED, title="x"), subscribe(FEED, title="x"), id="the same title"),
        pytest.param(progress(FEED, ITEM, position=1.0), progress(FEED, ITEM, position=1.0), id="the same position"),
    ],
)
def test_an_edit_that_says_nothing_new_is_none(before: Edit | None, wish: Edit) -> None:
    record = made(None, before) if before else None
    assert edit(record, wish, Dot("B", NOON + 9), NOON + 9) is None


def test_an_edit_of_a_conflict_settles_it_even_when_it_changes_no_field() -> None:
    both = merge(made(None, subscribe(FEED), "A"), made(None, subscribe(FEED), "B"))
    settled = made(both, subscribe(FEED), "C")
    assert (len(both.heads), len(settled.heads)) == (2, 1)


def test_a_clock_in_the_last_year_of_all_does_not_overflow() -> None:
    last = made(None, progress(FEED, ITEM, position=1.0), now=LATEST)
    after = edit(last, progress(FEED, ITEM, position=2.0), Dot("A", LATEST + 2), NOON)
    assert after is not None
    assert value_of(after).time == LATEST


def test_a_purged_stub_that_comes_back_is_no_stub() -> None:
    stub = Subscription(rss_source_feed=FEED, subscribed_at=Instant(1), unsubscribed_at=Instant(2), purged=True)
    back = made(Record.of([Head("A", 1, stub)], {}), subscribe(FEED))
    assert not value_of(back).purged
    assert value_of(back).present


def test_fields_of_later_versions_are_carried_along() -> None:
    old = Subscription(rss_source_feed=FEED, subscribed_at=Instant(1), extra={"mood": "calm"})
    assert value_of(made(Record.of([Head("A", 1, old)], {}), unsubscribe(FEED))).extra == {"mood": "calm"}


SUBSCRIPTION = {"rss_source_feed": FEED}
EPISODE = {"rss_source_feed": FEED, "rss_source_item": ITEM}


@pytest.mark.parametrize(
    ("kind", "name", "sets"),
    [
        pytest.param("karaoke", {}, {}, id="unknown kind"),
        pytest.param("subscription", SUBSCRIPTION, {"mood": 1}, id="unknown field"),
        pytest.param("subscription", SUBSCRIPTION, {"title": 1}, id="wrong type"),
        pytest.param("subscription", SUBSCRIPTION, {"title": "x" * 20_001}, id="endless title"),
        pytest.param("play_status", EPISODE, {"position": -1.0}, id="negative"),
        pytest.param("play_status", EPISODE, {"position": float("nan")}, id="not a number"),
        pytest.param("play_status", EPISODE, {"position": float("inf")}, id="infinite"),
        pytest.param("playlist", {"id": "a\x00"}, {"name": "n"}, id="null byte"),
        pytest.param("playlist", {"id": "a"}, {}, id="required field missing"),
        pytest.param("feed_move", SUBSCRIPTION, {"moved_to": "no id"}, id="bad id"),
    ],
)
def test_what_does_not_fit_the_kind_is_our_error(kind: str, name: dict[str, Any], sets: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        edit(None, Edit(kind=kind, name=name, sets=sets), Dot("A", 1), NOON)


def test_a_wish_that_does_not_name_its_record_is_our_error() -> None:
    with pytest.raises(InvalidInput, match="rss_source_item"):
        _ = Edit(kind="play_status", name=SUBSCRIPTION).key


def test_ids_may_come_as_text() -> None:
    after = made(None, Edit(kind="feed_move", name=SUBSCRIPTION, sets={"moved_to": f"{OTHER_FEED}=="}))
    assert value_of(after).moved_to == OTHER_FEED  # type: ignore[attr-defined]


@given(records(Listen))
def test_a_stretch_of_listening_never_changes(record: Record) -> None:
    name = {field: getattr(record.name, field) for field in Listen.identity}
    with pytest.raises(Refused):
        edit(record, Edit(kind="listen", name=name, sets={"speed": 2.0}), Dot("A", 9), NOON)
