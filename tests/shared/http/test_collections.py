"""`/collections`: the documented answers and refusals, and a default collection that cannot fall behind."""

from typing import Any

import pytest

from balados_shared.edit import Edit
from balados_shared.ids import FeedId
from balados_shared.kinds import Collection, CollectionFeed
from support.routes import SUCCESS, USER, Routes
from support.strategies import FEED, OTHER_FEED

DEFAULT = "78f8d29e-7dc5-9249-4917-9b2599a511b0"
"""Of this user, as the protocol sheet's examples give it."""

THIRD_FEED = FeedId.of("https://example.net/third.xml")


async def collections(routes: Routes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await routes.ask("GET", "/collections"))["collections"]
    return rows


async def make(routes: Routes, title: str, *feeds: FeedId) -> str:
    name: str = (await routes.ask("POST", "/collections", {"title": title}, status=201))["collection"]["id"]
    for feed in feeds:
        assert await routes.ask("POST", f"/collections/{name}/feeds", {"rss_source_feed": feed}) == SUCCESS
    return name


async def subscribe(routes: Routes, *feeds: FeedId) -> None:
    for feed in feeds:
        await routes.ask("POST", "/subscriptions", {"rss_source_feed": feed})


async def feeds_of(routes: Routes, name: str) -> list[str]:
    shown = (await routes.ask("GET", f"/collections/{name}"))["collection"]
    return [feed["rss_source_feed"] for feed in shown["feeds"]]


async def import_default(routes: Routes, name: str, title: str) -> None:
    """Store a record of the default collection, as an import from another server does."""
    sets = {"title": title, "is_default": True}
    await routes.library.change(Edit(kind=Collection.kind, name={"id": name}, sets=sets, present=True))


async def test_a_new_collection_has_the_documented_shape(routes: Routes) -> None:
    made = (await routes.ask("POST", "/collections", {"title": "Science"}, status=201))["collection"]
    assert made == {
        "id": made["id"],
        "user_id": USER,
        "title": "Science",
        "description": None,
        "color": None,
        "is_default": False,
        "is_public": False,
        "feeds": [],
        "inserted_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:01Z",
    }
    assert (await routes.ask("GET", f"/collections/{made['id']}"))["collection"] == made


async def test_collections_are_listed_oldest_first_whatever_is_changed(routes: Routes) -> None:
    first, second = await make(routes, "A"), await make(routes, "B")
    await routes.ask("PATCH", f"/collections/{first}", {"title": "C"})
    assert [row["id"] for row in await collections(routes)] == [DEFAULT, first, second]


async def test_a_collection_gets_a_new_title_and_looks(routes: Routes) -> None:
    name = await make(routes, "A")
    looks = {"title": "B", "description": "all of it", "color": "#336699", "is_public": True}
    changed = (await routes.ask("PATCH", f"/collections/{name}", looks))["collection"]
    assert changed.items() >= looks.items()
    again = (await routes.ask("PATCH", f"/collections/{name}", {"title": "C"}))["collection"]
    assert again.items() >= (looks | {"title": "C"}).items(), "what is not said stays"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (400, "BAD_REQUEST")),
        ({"title": 7}, (400, "BAD_REQUEST")),
        ({"title": "x" * 20_001}, (400, "BAD_REQUEST")),
        ({"title": " "}, (422, "title_required")),
        ({"title": "x", "is_default": True}, (422, "default_collection_already_exists")),
    ],
)
async def test_a_collection_without_a_title_is_not_made(routes: Routes, body: Any, refusal: tuple[int, str]) -> None:
    assert await routes.problem("POST", "/collections", body) == refusal
    assert len(await collections(routes)) == 1


async def test_a_change_must_say_something(routes: Routes) -> None:
    name = await make(routes, "A")
    assert await routes.problem("PATCH", f"/collections/{name}", {}) == (422, "no_changes")
    assert await routes.problem("PATCH", f"/collections/{name}", {"title": ""}) == (422, "title_required")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("POST", "/feeds", {"rss_source_feed": FEED}),
        ("PUT", "/feeds", {"feeds": []}),
        ("DELETE", f"/feeds/{FEED}", None),
    ],
)
async def test_what_is_not_there_is_not_found(routes: Routes, method: str, path: str, body: Any) -> None:
    gone = await make(routes, "A")
    assert await routes.ask("DELETE", f"/collections/{gone}") == SUCCESS
    for name in (gone, "11111111-2222-4333-8444-555555555555"):
        assert await routes.problem(method, f"/collections/{name}{path}", body) == (404, "not_found")


async def test_only_feeds_that_are_subscribed_to_come_in(routes: Routes) -> None:
    await subscribe(routes, FEED, OTHER_FEED)
    await routes.ask("DELETE", f"/subscriptions/{OTHER_FEED}")
    name = await make(routes, "A", FEED)
    for feed in (OTHER_FEED, THIRD_FEED):
        refusal = await routes.problem("POST", f"/collections/{name}/feeds", {"rss_source_feed": feed})
        assert refusal == (422, "feed_not_subscribed")
        assert await routes.problem("PUT", f"/collections/{name}/feeds", {"feeds": [feed]}) == refusal
    assert await routes.problem("POST", f"/collections/{name}/feeds", {}) == (400, "BAD_REQUEST")
    assert await feeds_of(routes, name) == [FEED]


async def test_a_feed_is_added_once_and_taken_out_for_good(routes: Routes) -> None:
    await subscribe(routes, FEED, OTHER_FEED)
    name = await make(routes, "A", FEED, OTHER_FEED, FEED)
    assert await feeds_of(routes, name) == [FEED, OTHER_FEED]
    for _ in range(2):
        assert await routes.ask("DELETE", f"/collections/{name}/feeds/{FEED}") == SUCCESS
        assert await feeds_of(routes, name) == [OTHER_FEED]


async def test_a_feed_that_is_subscribed_to_again_is_back_in_its_place(routes: Routes) -> None:
    await subscribe(routes, FEED, OTHER_FEED)
    name = await make(routes, "A", FEED, OTHER_FEED)
    await routes.ask("DELETE", f"/subscriptions/{FEED}")
    assert await feeds_of(routes, name) == [OTHER_FEED]
    await subscribe(routes, FEED)
    assert await feeds_of(routes, name) == [FEED, OTHER_FEED]


async def test_a_new_order_changes_only_what_moved(routes: Routes) -> None:
    await subscribe(routes, FEED, OTHER_FEED, THIRD_FEED)
    name = await make(routes, "A", FEED, OTHER_FEED, THIRD_FEED)
    before = routes.library.ranks(CollectionFeed)
    await routes.ask("PUT", f"/collections/{name}/feeds", {"feeds": [THIRD_FEED, FEED]})
    assert await feeds_of(routes, name) == [THIRD_FEED, FEED, OTHER_FEED]
    after = routes.library.ranks(CollectionFeed)
    assert {key for key in before if before[key] != after[key]} == {f"{name}/{THIRD_FEED}"}


async def test_a_feed_shows_its_subscription(routes: Routes) -> None:
    await routes.ask("POST", "/subscriptions", {"rss_source_feed": FEED, "title": "Owl"})
    (default,) = await collections(routes)
    (feed,) = default["feeds"]
    assert feed == {
        "id": feed["id"],
        "rss_source_feed": FEED,
        "rss_feed_title": "Owl",
        "subscribed_at": "2026-01-01T12:00:01Z",
    }


async def test_the_default_collection_holds_every_active_subscription(routes: Routes) -> None:
    assert await feeds_of(routes, DEFAULT) == []
    await subscribe(routes, FEED, OTHER_FEED)
    assert await feeds_of(routes, DEFAULT) == [FEED, OTHER_FEED]
    await routes.ask("DELETE", f"/subscriptions/{FEED}")
    assert await feeds_of(routes, DEFAULT) == [OTHER_FEED]
    (default,) = await collections(routes)
    assert (default["id"], default["title"], default["is_default"]) == (DEFAULT, "All Subscriptions", True)
    assert routes.library.values(Collection) == [], "nothing of it is stored"


@pytest.mark.parametrize("name", [DEFAULT, "11111111-2222-4333-8444-555555555555"])
async def test_an_imported_default_collection_does_not_appear_twice(routes: Routes, name: str) -> None:
    await import_default(routes, name, "Alles")
    await subscribe(routes, FEED)
    (default,) = await collections(routes)
    assert (default["id"], default["title"]) == (DEFAULT, "Alles")
    assert await feeds_of(routes, name) == [FEED]
    refusal = (403, "cannot_delete_default_collection")
    assert await routes.problem("DELETE", f"/collections/{name}") == refusal


async def test_the_default_collection_can_be_renamed_but_not_arranged_or_deleted(routes: Routes) -> None:
    await subscribe(routes, FEED)
    assert await routes.problem("DELETE", f"/collections/{DEFAULT}") == (403, "cannot_delete_default_collection")
    added = await routes.ask("POST", f"/collections/{DEFAULT}/feeds", {"rss_source_feed": FEED})
    assert added == SUCCESS, "it is in it already"
    for method, path, body in [("PUT", "feeds", {"feeds": [FEED]}), ("DELETE", f"feeds/{FEED}", None)]:
        assert await routes.problem(method, f"/collections/{DEFAULT}/{path}", body) == (422, "VALIDATION_ERROR")
    assert await feeds_of(routes, DEFAULT) == [FEED]
    for looks in ({"title": "Mine"}, {"color": "#000000"}):
        await routes.ask("PATCH", f"/collections/{DEFAULT}", looks)
    (default,) = await collections(routes)
    assert (default["title"], default["color"], default["is_default"]) == ("Mine", "#000000", True)


async def test_a_deleted_collection_leaves_none_of_its_feeds_behind(routes: Routes) -> None:
    await subscribe(routes, FEED)
    name = await make(routes, "A", FEED)
    await routes.ask("DELETE", f"/collections/{name}")
    assert routes.library.values(CollectionFeed) == []
    assert len(routes.library.transactions[-1]) == 2, "in one transaction"
