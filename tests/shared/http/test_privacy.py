"""`/privacy`: levels for everything, a feed or an episode; what is unknown is refused and never means public."""

from typing import Any

import pytest

from support.routes import SUCCESS, USER, Routes
from support.strategies import FEED, ITEM, OTHER_FEED, OTHER_ITEM


async def settings(routes: Routes, **query: Any) -> list[tuple[str | None, str | None, str]]:
    rows = (await routes.ask("GET", "/privacy", **query))["privacy_settings"]
    return [(row["rss_source_feed"], row["rss_source_item"], row["privacy"]) for row in rows]


async def test_each_level_is_kept_for_what_it_was_said_of(routes: Routes) -> None:
    assert await settings(routes) == []
    assert await routes.ask("PUT", "/privacy", {"privacy": "private"}) == SUCCESS
    assert await routes.ask("PUT", "/privacy", {"privacy": "anonymous", "feed": FEED}) == SUCCESS
    assert await routes.ask("PUT", "/privacy", {"privacy": "public", "feed": FEED, "item": ITEM}) == SUCCESS
    everything, feed, item = (None, None, "private"), (FEED, None, "anonymous"), (FEED, ITEM, "public")
    assert await settings(routes) == [item, feed, everything]
    assert await settings(routes, feed=FEED) == [item, feed]
    assert await settings(routes, item=ITEM) == [item]
    assert await settings(routes, feed=OTHER_FEED) == []


async def test_a_row_has_the_documented_shape(routes: Routes) -> None:
    await routes.ask("PUT", "/privacy", {"privacy": "private"})
    (row,) = (await routes.ask("GET", "/privacy"))["privacy_settings"]
    assert row == {
        "id": row["id"],
        "user_id": USER,
        "rss_source_feed": None,
        "rss_source_item": None,
        "privacy": "private",
        "updated_at": "2026-01-01T12:00:01Z",
    }


async def test_the_query_can_say_what_it_is_for(routes: Routes) -> None:
    await routes.ask("PUT", "/privacy", {"privacy": "private"}, feed="https://example.com/feed.xml", item=ITEM)
    assert await settings(routes) == [(FEED, ITEM, "private")]


async def test_a_new_level_takes_the_place_of_the_old(routes: Routes) -> None:
    for level in ("private", "public"):
        await routes.ask("PUT", "/privacy", {"privacy": level, "feed": FEED})
    assert await settings(routes) == [(FEED, None, "public")]


async def test_an_episode_is_found_by_its_id_alone_once_it_was_played(routes: Routes) -> None:
    assert await routes.problem("PUT", "/privacy", {"privacy": "private", "item": ITEM}) == (404, "NOT_FOUND")
    body = {"rss_source_feed": FEED, "rss_source_item": ITEM, "position": 1, "played": False}
    await routes.ask("POST", "/play", body)
    await routes.ask("PUT", "/privacy", {"privacy": "private", "item": ITEM})
    assert await settings(routes) == [(FEED, ITEM, "private")]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"feed": FEED}, (400, "BAD_REQUEST")),
        ({"privacy": None}, (400, "BAD_REQUEST")),
        ({"privacy": 7}, (400, "BAD_REQUEST")),
        ({"privacy": "private", "feed": "not a feed!"}, (400, "BAD_REQUEST")),
        ({"privacy": "hidden", "feed": FEED}, (422, "VALIDATION_ERROR")),
        ({"privacy": ""}, (422, "VALIDATION_ERROR")),
        ({"privacy": "Private", "feed": FEED, "item": OTHER_ITEM}, (422, "VALIDATION_ERROR")),
    ],
)
async def test_what_is_no_level_is_refused_and_nothing_is_stored(
    routes: Routes, body: Any, refusal: tuple[int, str]
) -> None:
    assert await routes.problem("PUT", "/privacy", body) == refusal
    assert await settings(routes) == []
