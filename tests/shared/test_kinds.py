"""The kinds of records (DESIGN.md section 3, the table): their keys, their dates, and whether they are there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_shared.errors import InvalidInput
from balados_shared.kinds import (
    ALL,
    BY_KIND,
    BY_PLURAL,
    Like,
    Listen,
    Playlist,
    PlaylistItem,
    PlayStatus,
    Preference,
    Privacy,
    Subscription,
    Value,
    kind_named,
)
from balados_shared.times import Instant
from balados_shared.wire import decode_value, value_fields
from support.strategies import FEED, FIELDS, ITEM, NOON, all_kinds, values

EARLY, LATE = Instant(NOON), Instant(NOON + 1)


def test_every_kind_has_a_name_and_a_list_of_its_own() -> None:
    assert len(BY_KIND) == len(BY_PLURAL) == len(ALL) == 12
    assert all(kind_named(kind.kind) is kind for kind in ALL)


def test_a_kind_that_nobody_knows_is_our_error() -> None:
    with pytest.raises(InvalidInput):
        kind_named("karaoke")


@pytest.mark.parametrize(
    ("value", "key"),
    [
        pytest.param(Subscription(rss_source_feed=FEED, subscribed_at=EARLY), FEED, id="feed"),
        pytest.param(Like(rss_source_feed=FEED, liked_at=EARLY), f"{FEED}/", id="feed like"),
        pytest.param(Like(rss_source_feed=FEED, rss_source_item=ITEM, liked_at=EARLY), f"{FEED}/{ITEM}", id="like"),
        pytest.param(Privacy(privacy="public", updated_at=EARLY), "/", id="privacy of everything"),
        pytest.param(Preference(name="a/b", value=1, updated_at=EARLY), "/a%2Fb", id="preference for everything"),
        pytest.param(
            Listen(
                rss_source_feed=FEED,
                rss_source_item=ITEM,
                device_id="d",
                started_at=EARLY,
                ended_at=LATE,
                from_=0,
                to=1,
                speed=1,
            ),
            f"{FEED}/{ITEM}/d/{NOON}",
            id="listen",
        ),
    ],
)
def test_a_key_is_made_of_the_fields_that_name_the_record(value: Value, key: str) -> None:
    assert value.key == key


@pytest.mark.parametrize(
    ("subscribed", "unsubscribed", "present"),
    [
        pytest.param(EARLY, None, True, id="subscribed"),
        pytest.param(EARLY, LATE, False, id="unsubscribed since"),
        pytest.param(LATE, EARLY, True, id="subscribed again"),
        pytest.param(EARLY, EARLY, True, id="tie: subscribed"),
    ],
)
def test_a_feed_is_followed_by_the_later_of_its_dates(
    subscribed: Instant, unsubscribed: Instant | None, present: bool
) -> None:
    value = Subscription(rss_source_feed=FEED, subscribed_at=subscribed, unsubscribed_at=unsubscribed)
    assert value.present is present
    assert value.time == max(subscribed, unsubscribed or 0)
    assert value.tie == present


@pytest.mark.parametrize("removed", [None, EARLY, LATE], ids=["there", "removed before", "removed after"])
def test_what_has_a_stamp_is_gone_when_it_says_so(removed: Instant | None) -> None:
    item = PlaylistItem(
        playlist_id="queue",
        rss_source_feed=FEED,
        rss_source_item=ITEM,
        rank="V",
        added_at=EARLY,
        removed_at=removed,
        updated_at=EARLY,
    )
    assert item.present is (removed is None)
    assert item.time == EARLY


@given(values(PlayStatus))
def test_nobody_got_less_far_than_the_position(value: PlayStatus) -> None:
    assert value.furthest >= value.position


def test_the_more_private_wins_a_tie() -> None:
    levels = [Privacy(privacy=level, updated_at=EARLY) for level in ("public", "anonymous", "private")]
    assert [level.tie for level in levels] == [0, 1, 2]


@given(all_kinds.flatmap(values))
def test_every_value_comes_back_as_it_was_written(value: Value) -> None:
    assert decode_value(type(value), value_fields(value)) == value


@given(all_kinds.flatmap(values), st.data())
def test_a_null_is_as_good_as_a_field_left_out(value: Value, data: st.DataObject) -> None:
    fields = value_fields(value)
    unset = [name for name in type(value).__struct_encode_fields__ if name not in fields and name != "extra"]
    nulls = dict.fromkeys(data.draw(st.lists(st.sampled_from(unset), unique=True)) if unset else [])
    assert decode_value(type(value), nulls | fields) == value


NAMES = [
    pytest.param("x" * 501, id="too long"),
    pytest.param("", id="empty"),
    pytest.param("a\x00b", id="null byte"),
    pytest.param("a\nb", id="newline inside"),
    pytest.param("a\n", id="newline at the end"),
    pytest.param(5, id="a number"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_playlist_id_is_a_short_name(name: object) -> None:
    fields = {"id": name, "name": "n", "created_at": EARLY.write(), "updated_at": EARLY.write()}
    with pytest.raises(InvalidInput):
        decode_value(Playlist, fields)


SECONDS = [
    pytest.param(-1, id="negative"),
    pytest.param(-0.001, id="just negative"),
    pytest.param(float("nan"), id="not a number"),
    pytest.param(float("inf"), id="infinite"),
    pytest.param(1e8, id="years"),
    pytest.param(10**400, id="a huge number"),
    pytest.param("10", id="text"),
    pytest.param(True, id="a truth"),
    pytest.param([1], id="a list"),
]


@pytest.mark.parametrize("position", SECONDS)
@pytest.mark.parametrize("field", ["position", "duration", "furthest"])
def test_seconds_are_a_sane_number(field: str, position: object) -> None:
    status = {"rss_source_feed": FEED, "rss_source_item": ITEM, "played": False, "updated_at": EARLY.write()}
    with pytest.raises(InvalidInput):
        decode_value(PlayStatus, {**status, "position": 0, field: position})


def test_the_strategies_know_every_field_that_the_kinds_require() -> None:
    assert set(FIELDS) == set(ALL)
