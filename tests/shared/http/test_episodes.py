"""`/episodes/{item}/save`: into the playlist `saved`, which is made on first use."""

import pytest

from support.routes import SUCCESS, Routes
from support.strategies import FEED, ITEM, OTHER_FEED, OTHER_ITEM


async def saved(routes: Routes) -> list[tuple[str, str]]:
    playlist = (await routes.ask("GET", "/playlists/saved"))["playlist"]
    assert (playlist["name"], playlist["type"]) == ("Saved", "playlist")
    return [(row["rss_source_feed"], row["rss_source_item"]) for row in playlist["items"]]


@pytest.mark.parametrize("name", ["feed", "rss_source_feed"])
async def test_the_body_can_say_the_feed(routes: Routes, name: str) -> None:
    assert await routes.ask("POST", f"/episodes/{ITEM}/save", {name: FEED}) == SUCCESS
    assert await saved(routes) == [(FEED, ITEM)]


async def test_the_query_can_say_the_feed(routes: Routes) -> None:
    assert await routes.ask("POST", f"/episodes/{ITEM}/save", feed=OTHER_FEED) == SUCCESS
    assert await saved(routes) == [(OTHER_FEED, ITEM)]


async def test_saving_twice_keeps_one_in_its_place(routes: Routes) -> None:
    for item in (ITEM, OTHER_ITEM, ITEM):
        await routes.ask("POST", f"/episodes/{item}/save", {"feed": FEED})
    assert await saved(routes) == [(FEED, ITEM), (FEED, OTHER_ITEM)]


async def test_an_episode_that_was_played_is_known_without_its_feed(routes: Routes) -> None:
    assert await routes.problem("POST", f"/episodes/{ITEM}/save") == (404, "NOT_FOUND")
    assert await routes.problem("GET", "/playlists/saved") == (404, "NOT_FOUND")
    play = {"rss_source_feed": FEED, "rss_source_item": ITEM, "position": 1, "played": False}
    await routes.ask("POST", "/play", play)
    assert await routes.ask("POST", f"/episodes/{ITEM}/save") == SUCCESS
    assert await saved(routes) == [(FEED, ITEM)]


async def test_a_feed_that_is_none_is_a_bad_request(routes: Routes) -> None:
    assert await routes.problem("POST", f"/episodes/{ITEM}/save", {"feed": "no feed!"}) == (400, "BAD_REQUEST")
