"""`resolve` (DESIGN.md section 3): the documented rules, with the two-sided one written out again as the oracle."""

import itertools
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from balados_shared import kinds
from balados_shared.kinds import PlayStatus, Value
from balados_shared.record import Head
from balados_shared.rules import resolve
from balados_shared.times import MINUTE, Instant
from support.strategies import FEED, ITEM, NOON, all_kinds, heads, values


def status(at: int = 0, device: str = "A", **fields: Any) -> Head:
    known = {"position": 0.0, "played": False} | fields
    value = PlayStatus(rss_source_feed=FEED, rss_source_item=ITEM, updated_at=Instant(NOON + at), **known)
    return Head(device, 1, value)


def documented(a: PlayStatus, b: PlayStatus) -> dict[str, Any]:
    """The pairwise rule in the words of protocol sheet section 5.2 (client) and DESIGN.md section 3."""
    newer, older = (a, b) if a.updated_at > b.updated_at else (b, a)
    close = newer.updated_at - older.updated_at < 300_000
    return {
        "position": max(a.position, b.position) if close else newer.position,
        "played": a.played or b.played,
        "furthest": max(a.furthest, b.furthest),
        "updated_at": newer.updated_at,
    }


@given(values(PlayStatus), values(PlayStatus))
def test_two_play_statuses_give_exactly_the_documented_rule(one: PlayStatus, two: PlayStatus) -> None:
    both = [Head("A", 1, one), Head("B", 1, two)]
    result = cast("PlayStatus", resolve(both).value)
    expected = documented(one, two)
    assert {name: getattr(result, name) for name in expected} == expected
    newer, older = (one, two) if one.updated_at > two.updated_at else (two, one)
    assert result.duration == (newer.duration if newer.duration is not None else older.duration)


@pytest.mark.parametrize(
    ("given_heads", "expected", "rule"),
    [
        pytest.param(
            [status(0, position=300.0), status(5 * MINUTE - 1, "B", position=250.0)],
            {"position": 300.0},
            "farthest_within_5_minutes",
            id="4:59.999 apart: the farther",
        ),
        pytest.param(
            [status(0, position=300.0), status(5 * MINUTE, "B", position=250.0)],
            {"position": 250.0, "furthest": 300.0},
            "newest",
            id="5:00.000 apart: the later",
        ),
        pytest.param(
            [status(0, position=1800.0, played=True), status(120 * MINUTE, "B", position=20.0)],
            {"position": 20.0, "played": True, "furthest": 1800.0},
            "played_is_sticky",
            id="played is sticky, the position moves on",
        ),
        pytest.param(
            [status(0, duration=60.0), status(9, "B")], {"duration": 60.0}, "newest", id="duration of whom knows it"
        ),
        pytest.param(
            [status(0, duration=60.0), status(9, "B", duration=61.0), status(10, "C")],
            {"duration": 61.0},
            "newest",
            id="duration of the newest that knows it",
        ),
        pytest.param(
            [
                status(0, position=900.0),
                status(4 * MINUTE, "B", position=500.0),
                status(8 * MINUTE, "C", position=100.0),
            ],
            {"position": 500.0, "furthest": 900.0},
            "farthest_within_5_minutes",
            id="the window hangs on the newest, it makes no chain",
        ),
    ],
)
def test_the_hybrid_rule(given_heads: list[Head], expected: dict[str, Any], rule: str) -> None:
    for order in itertools.permutations(given_heads):
        resolution = resolve(order)
        assert {name: getattr(resolution.value, name) for name in expected} == expected
        assert resolution.rule == rule


@given(all_kinds.flatmap(heads), st.randoms(use_true_random=False))
def test_the_order_of_arrival_cannot_matter(some: list[Head], random: Any) -> None:
    shuffled = random.sample(some, len(some))
    assert resolve(some) == resolve(shuffled)
    assert repr(resolve(some)) == repr(resolve(shuffled))


@given(all_kinds.flatmap(heads))
def test_one_head_means_what_it_says(some: list[Head]) -> None:
    assert resolve(some[:1]).value is some[0].value


@given(all_kinds.flatmap(heads))
def test_no_head_is_newer_than_what_they_mean(some: list[Head]) -> None:
    assert resolve(some).value.time == max(head.value.time for head in some)


@given(heads(PlayStatus))
def test_furthest_and_played_never_shrink(some: list[Head]) -> None:
    result = cast("PlayStatus", resolve(some).value)
    said = [cast("PlayStatus", head.value) for head in some]
    assert result.furthest == max(status.furthest for status in said)
    assert result.played == any(status.played for status in said)


T0, T1 = Instant(NOON), Instant(NOON + 1)
STAMPED: dict[type[Value], dict[str, Any]] = {
    kinds.Playlist: {"id": "p", "name": "n", "created_at": T0},
    kinds.PlaylistItem: {
        "playlist_id": "p",
        "rss_source_feed": FEED,
        "rss_source_item": ITEM,
        "rank": "V",
        "added_at": T0,
    },
    kinds.Collection: {"id": "c", "title": "t"},
    kinds.CollectionFeed: {"collection_id": "c", "rss_source_feed": FEED, "rank": "V", "added_at": T0},
    kinds.Privacy: {"rss_source_feed": FEED, "privacy": "public"},
    kinds.Preference: {"name": "speed", "value": 1},
    kinds.Alias: {"rss_source_feed": FEED, "rss_source_item": ITEM, "same_as": ITEM},
    kinds.FeedMove: {"rss_source_feed": FEED, "moved_to": FEED},
}


@pytest.mark.parametrize("kind", STAMPED, ids=lambda kind: kind.kind)
def test_the_later_stamp_wins_and_then_the_device_id(kind: type[Any]) -> None:
    early, late = (kind(**STAMPED[kind], updated_at=at) for at in (T0, T1))
    assert resolve([Head("B", 9, early), Head("A", 1, late)]).head.device == "A"
    assert resolve([Head("B", 9, early), Head("A", 1, late)]).rule == "latest"
    tie = resolve([Head("B", 1, late), Head("A", 9, late)])
    assert (tie.head.device, tie.rule) == ("B", "tie_device")


@pytest.mark.parametrize(
    ("kind", "added", "removed"),
    [
        pytest.param(kinds.Subscription, "subscribed_at", "unsubscribed_at", id="subscription"),
        pytest.param(kinds.Like, "liked_at", "unliked_at", id="like"),
    ],
)
@pytest.mark.parametrize(
    ("come", "gone", "there", "rule"),
    [
        pytest.param(T0, T1, False, "latest", id="gone later"),
        pytest.param(T1, T0, True, "latest", id="come later"),
        pytest.param(T1, T1, True, "tie_kind", id="tie: what is there"),
    ],
)
def test_the_later_of_coming_and_going_wins(
    kind: type[Any], added: str, removed: str, come: Instant, gone: Instant, there: bool, rule: str
) -> None:
    here = kind(rss_source_feed=FEED, **{added: come})
    # The device that says "gone" has the higher id: it must not decide.
    away = kind(rss_source_feed=FEED, **{added: Instant(1), removed: gone})
    resolution = resolve([Head("Z", 9, away), Head("A", 1, here)])
    assert (resolution.value.present, resolution.rule) == (there, rule)


def test_in_a_tie_of_privacy_the_more_private_wins() -> None:
    public = kinds.Privacy(privacy="public", updated_at=T0)
    hidden, anonymous = replace(public, privacy="private"), replace(public, privacy="anonymous")
    assert resolve([Head("Z", 1, public), Head("A", 1, anonymous)]).value == anonymous
    assert resolve([Head("Z", 1, anonymous), Head("A", 1, hidden)]).value == hidden
    assert resolve([Head("A", 1, hidden), Head("Z", 1, replace(public, updated_at=T1))]).value.time == T1
