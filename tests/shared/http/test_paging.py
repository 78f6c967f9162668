"""Lists in pages: by cursor while the library changes, by `since` for what arrived, and exactly as documented else."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Like, PlayStatus, Subscription
from balados_shared.places import Arrivals, Newest, Place
from balados_shared.record import Head, Record
from balados_shared.storage import reading
from balados_shared.storage.library import Library
from balados_shared.times import Instant
from support.libraries import temporary_library
from support.routes import USER, Routes
from support.strategies import FEED, ITEM, NOON, OTHER_FEED

ACCOUNT = 1
FEEDS = [FeedId.of(f"https://example.com/{name}") for name in "abcde"]
START = "1970-01-01T00:00:00Z"

moments = st.integers(0, 3)
"""Few, so that many are the same."""


def play_at(number: int, moment: int) -> Record:
    """A play status of an episode of its own, as another device said it."""
    item = EpisodeId.of(f"guid-{number}", None)
    at = Instant(NOON + moment)
    status = PlayStatus(rss_source_feed=FEED, rss_source_item=item, position=0.0, played=False, updated_at=at)
    return Record.of([Head("B", number, status)], {"B": number})


@given(st.lists(moments, max_size=8), st.lists(st.lists(moments, max_size=2), max_size=6), st.integers(1, 3))
@settings(max_examples=60)
def test_pages_by_cursor_hold_each_row_once_while_rows_are_added(
    first: list[int], bursts: list[list[int]], limit: int
) -> None:
    numbers = count(1)
    with temporary_library() as connection:

        def add(times: list[int]) -> set[str]:
            records = [play_at(next(numbers), moment) for moment in times]
            with Library(connection, ACCOUNT) as library:
                library.join_all(records, now=NOON)
            return {record.key for record in records}

        there, added = add(first), set[str]()
        place: Place | None = Newest()
        seen: list[str] = []
        later = list(bursts)
        while place is not None:
            page = reading.listed(connection, ACCOUNT, PlayStatus, place, limit=limit)
            assert len(page.values) <= limit
            seen += [value.key for value in page.values]
            place = page.after
            added |= add(later.pop(0)) if later else set()
        assert len(seen) == len(set(seen))
        assert there <= set(seen) <= there | added
        assert seen_since(connection, page.stamp, limit) >= (there | added) - set(seen)


def seen_since(connection: Any, stamp: int, limit: int) -> set[str]:
    """Return the keys of what arrived after a stamp, read in pages."""
    seen: list[str] = []
    place: Place | None = Arrivals(stamp)
    while place is not None:
        page = reading.listed(connection, ACCOUNT, PlayStatus, place, limit=limit)
        seen += [value.key for value in page.values]
        place = page.after
    assert len(seen) == len(set(seen))
    return set(seen)


async def fill(routes: Routes) -> None:
    for feed in FEEDS:
        await routes.ask("POST", "/subscriptions", {"rss_source_feed": feed, "title": f"Title of {feed}"})
        await routes.ask("POST", "/likes", {"rss_source_feed": feed})
        play = {"rss_source_feed": feed, "rss_source_item": ITEM, "position": 1, "played": feed == FEEDS[0]}
        await routes.ask("POST", "/play", play)


LISTS = [("/subscriptions", "subscriptions"), ("/likes", "likes"), ("/play", "play_statuses")]


async def pages(routes: Routes, path: str, **query: Any) -> list[dict[str, Any]]:
    """Return all pages, of two rows each."""
    answers = [await routes.ask("GET", path, limit=2, **query)]
    while answers[-1]["next_cursor"] is not None:
        answers.append(await routes.ask("GET", path, limit=2, **query | {"cursor": answers[-1]["next_cursor"]}))
    return answers


@pytest.mark.parametrize(("path", "name"), LISTS)
async def test_a_cursor_walks_a_whole_list_newest_first(routes: Routes, path: str, name: str) -> None:
    await fill(routes)
    answers = await pages(routes, path, cursor="")
    assert [row["rss_source_feed"] for answer in answers for row in answer[name]] == FEEDS[::-1]
    assert len(answers) == 3


@pytest.mark.parametrize(("path", "name"), LISTS)
async def test_since_walks_what_arrived_in_its_order(routes: Routes, path: str, name: str) -> None:
    await fill(routes)
    answers = await pages(routes, path, since=START)
    assert [row["rss_source_feed"] for answer in answers for row in answer[name]] == FEEDS
    stamp = answers[-1]["synced_at"]
    assert (await routes.ask("GET", path, since=stamp))[name] == []
    for feed in (OTHER_FEED, FEEDS[2]):
        await routes.ask("DELETE", f"/subscriptions/{feed}")
        await routes.ask("DELETE", f"/likes/{feed}")
    play = {"rss_source_feed": FEEDS[2], "rss_source_item": ITEM, "position": 2, "played": False}
    await routes.ask("POST", "/play", play)
    (row,) = (await routes.ask("GET", path, since=stamp))[name]
    assert row["rss_source_feed"] == FEEDS[2]
    gone = {"/subscriptions": "unsubscribed_at", "/likes": "unliked_at", "/play": "updated_at"}[path]
    assert row[gone] > "2026-01-01T12:00:15Z", "what was taken back says when"


async def test_since_asks_for_arrival_and_not_for_the_time_of_a_change(routes: Routes) -> None:
    await routes.ask("POST", "/subscriptions", {"rss_source_feed": FEED})
    stamp = (await routes.ask("GET", "/subscriptions", cursor=""))["synced_at"]
    old = Subscription(rss_source_feed=OTHER_FEED, subscribed_at=Instant(0))

    def join(connection: Any) -> None:
        with Library(connection, ACCOUNT) as library:
            library.join(Record.of([Head("B", 1, old)], {"B": 1}), now=NOON)

    await routes.library._database.write(join)
    (row,) = (await routes.ask("GET", "/subscriptions", since=stamp))["subscriptions"]
    assert row["subscribed_at"] == START


async def test_a_change_between_two_pages_is_told_by_the_last_ones_stamp(routes: Routes) -> None:
    await fill(routes)
    first = await routes.ask("GET", "/likes", cursor="", limit=2)
    await routes.ask("DELETE", f"/likes/{FEEDS[4]}")
    last = await routes.ask("GET", "/likes", cursor=first["next_cursor"], limit=5)
    assert last["next_cursor"] is None
    (row,) = (await routes.ask("GET", "/likes", since=last["synced_at"]))["likes"]
    assert (row["rss_source_feed"], "unliked_at" in row) == (FEEDS[4], True)


async def test_filters_hold_on_each_page(routes: Routes) -> None:
    await fill(routes)
    answers = await pages(routes, "/play", cursor="", played="false")
    assert [row["rss_source_feed"] for answer in answers for row in answer["play_statuses"]] == FEEDS[:0:-1]
    (answer,) = await pages(routes, "/play", since=START, feed=FEEDS[3])
    assert [row["rss_source_feed"] for row in answer["play_statuses"]] == [FEEDS[3]]


async def test_a_request_as_documented_is_answered_as_documented(routes: Routes) -> None:
    assert await routes.ask("GET", "/play", limit=5_000) == {
        "play_statuses": [],
        "pagination": {"limit": 100, "offset": 0, "total": 0},
    }
    await fill(routes)
    assert await routes.ask("GET", "/likes", limit=1) == {
        "likes": [{"rss_source_feed": FEEDS[4], "rss_source_item": None, "liked_at": "2026-01-01T12:00:14Z"}],
        "has_more": True,
    }
    (answer, *rest) = (await routes.ask("GET", "/subscriptions", limit=1))["subscriptions"]
    assert len(rest) == 4, "without a cursor they are all there"
    assert (
        answer.items()
        >= {
            "user_id": USER,
            "rss_feed_title": f"Title of {FEEDS[4]}",
            "subscribed_at": "2026-01-01T12:00:13Z",
            "unsubscribed_at": None,
        }.items()
    )


async def test_a_play_status_has_its_owner_and_the_title_of_its_feed(routes: Routes) -> None:
    await fill(routes)
    (row,) = (await routes.ask("GET", "/play", limit=1))["play_statuses"]
    alone = await routes.ask("GET", f"/play/{FEEDS[4]}/{ITEM}")
    assert row == alone
    assert (row["user_id"], row["rss_feed_title"]) == (USER, f"Title of {FEEDS[4]}")
    assert (row["position"], row["rss_item_title"]) == (1, None)


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "1"},
        {"cursor": "n1.2"},
        {"cursor": "n" + "9" * 16 + ".1.1"},
        {"cursor": "a1x"},
        {"cursor": "n1.2.3", "since": START},
        {"since": ""},
        {"since": "yesterday"},
        {"since": "2026-01-01T12:00:00"},
        {"since": "9999-12-31T23:59:59.999-01:00"},
    ],
)
@pytest.mark.parametrize("path", ["/subscriptions", "/likes", "/play"])
async def test_a_cursor_that_is_none_is_a_bad_request(routes: Routes, path: str, query: dict[str, str]) -> None:
    assert await routes.problem("GET", path, **query) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("kind", [PlayStatus, Subscription, Like])
def test_pages_are_read_along_an_index(kind: Any) -> None:
    with temporary_library() as connection:
        plans: list[str] = []
        connection.set_trace_callback(plans.append)
        for place in (Newest(), Arrivals(0)):
            reading.listed(connection, ACCOUNT, kind, place, limit=1)
        connection.set_trace_callback(None)
        for sql in plans:
            if " LIMIT " in sql:
                steps = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}"))
                assert "SEARCH records USING INDEX" in steps
