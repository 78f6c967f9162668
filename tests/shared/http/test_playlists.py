"""`/playlists`: lists of episodes whose order is kept by ranks, so that only what moved is changed."""

from typing import Any

import pytest

from balados_shared.ids import EpisodeId
from balados_shared.kinds import Playlist, PlaylistItem
from balados_shared.wishes import put_episode, put_playlist
from support.routes import SUCCESS, USER, Routes
from support.strategies import FEED, OTHER_FEED

EPISODES = [EpisodeId.of(f"guid-{number}", f"https://example.com/{number}.mp3") for number in range(6)]
A, B, C, D, E, F = EPISODES
QUEUE = "/playlists/queue"


def item(episode: str, feed: str = FEED, **more: Any) -> dict[str, Any]:
    return {"rss_source_feed": feed, "rss_source_item": episode} | more


def order(answer: dict[str, Any]) -> list[str]:
    items = answer["playlist"]["items"]
    assert [row["position"] for row in items] == list(range(len(items)))
    return [row["rss_source_item"] for row in items]


async def make(routes: Routes, name: str = "On the train") -> str:
    made: str = (await routes.ask("POST", "/playlists", {"name": name}, status=201))["playlist"]["id"]
    return made


async def queue(routes: Routes, *episodes: str) -> list[str]:
    return order(await routes.ask("PUT", f"{QUEUE}/items", {"items": [item(episode) for episode in episodes]}))


async def test_a_new_playlist_is_empty(routes: Routes) -> None:
    body = {"name": "On the train", "description": "short ones", "is_public": True}
    made = (await routes.ask("POST", "/playlists", body, status=201))["playlist"]
    assert made == {
        "id": made["id"],
        "user_id": USER,
        "name": "On the train",
        "description": "short ones",
        "type": "playlist",
        "is_public": True,
        "items": [],
        "inserted_at": "2026-01-01T12:00:01Z",
        "updated_at": "2026-01-01T12:00:01Z",
    }
    assert (await routes.ask("GET", f"/playlists/{made['id']}"))["playlist"] == made


async def test_playlists_are_listed_oldest_first_with_their_items(routes: Routes) -> None:
    first, second = await make(routes, "A"), await make(routes, "B")
    await routes.ask("POST", f"/playlists/{second}/items", item(A, item_title="One", feed_title="Owl"))
    await routes.ask("PATCH", f"/playlists/{first}", {"name": "Z"})
    listed = (await routes.ask("GET", "/playlists"))["playlists"]
    assert [row["name"] for row in listed] == ["Z", "B"]
    (row,) = listed[1]["items"]
    assert row == {
        "id": row["id"],
        "rss_source_feed": FEED,
        "rss_source_item": A,
        "item_title": "One",
        "feed_title": "Owl",
        "position": 0,
        "added_at": "2026-01-01T12:00:03Z",
        "updated_at": "2026-01-01T12:00:03Z",
    }


@pytest.mark.parametrize(
    ("body", "refusal"),
    [({}, (400, "BAD_REQUEST")), ({"name": 7}, (400, "BAD_REQUEST")), ({"name": " \n"}, (422, "name_required"))],
)
async def test_a_playlist_without_a_name_is_not_made(routes: Routes, body: Any, refusal: tuple[int, str]) -> None:
    assert await routes.problem("POST", "/playlists", body) == refusal
    assert (await routes.ask("GET", "/playlists"))["playlists"] == []


async def test_a_change_must_say_something(routes: Routes) -> None:
    name = await make(routes)
    assert await routes.problem("PATCH", f"/playlists/{name}", {}) == (422, "no_changes")
    assert await routes.problem("PATCH", f"/playlists/{name}", {"name": ""}) == (422, "name_required")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("POST", "/items", item(A)),
        ("PUT", "/items", {"items": []}),
        ("DELETE", f"/items/{FEED}/{A}", None),
    ],
)
async def test_what_is_not_there_is_not_found(routes: Routes, method: str, path: str, body: Any) -> None:
    gone = await make(routes)
    await routes.ask("POST", f"/playlists/{gone}/items", item(A))
    assert await routes.ask("DELETE", f"/playlists/{gone}") == SUCCESS
    for name in (gone, "other", "Queue", "%01", "a%2Fb"):
        assert await routes.problem(method, f"/playlists/{name}{path}", body) == (404, "NOT_FOUND")
    assert routes.library.values(PlaylistItem) == []


async def test_episodes_are_appended_inserted_and_moved(routes: Routes) -> None:
    name = await make(routes)

    async def put(episode: str, **more: Any) -> list[str]:
        return order(await routes.ask("POST", f"/playlists/{name}/items", item(episode, **more)))

    assert await put(A) == [A]
    assert await put(B) == [A, B]
    assert await put(C, position=0) == [C, A, B]
    assert await put(D, position=1) == [C, D, A, B]
    assert await put(E, position=2**70) == [C, D, A, B, E]
    assert await put(A, position=0) == [A, C, D, B, E]
    assert await put(D) == [A, C, D, B, E], "without a position it stays where it is"
    refusal = await routes.problem("POST", f"/playlists/{name}/items", item(F, position=-1))
    assert refusal == (400, "BAD_REQUEST")


async def test_one_guid_in_two_feeds_is_two_items(routes: Routes) -> None:
    await routes.ask("POST", f"{QUEUE}/items", item(A))
    told = await routes.ask("POST", f"{QUEUE}/items", item(A, OTHER_FEED))
    assert [row["rss_source_feed"] for row in told["playlist"]["items"]] == [FEED, OTHER_FEED]
    assert await routes.ask("DELETE", f"{QUEUE}/items/{FEED}/{A}") == SUCCESS
    assert order(await routes.ask("GET", QUEUE)) == [A]


async def test_the_queue_is_there_once_something_is_put_into_it(routes: Routes) -> None:
    assert await routes.problem("GET", QUEUE) == (404, "NOT_FOUND")
    shown = (await routes.ask("POST", f"{QUEUE}/items", item(A)))["playlist"]
    assert (shown["id"], shown["type"], shown["name"]) == ("queue", "queue", "Queue")
    await routes.ask("DELETE", QUEUE)
    assert await queue(routes, B) == [B], "a queue that was deleted comes back empty"


async def test_a_whole_new_order_changes_only_what_moved_in_one_transaction(routes: Routes) -> None:
    assert await queue(routes, *EPISODES) == EPISODES
    before, transactions = routes.library.ranks(PlaylistItem), len(routes.library.transactions)
    assert await queue(routes, F, A, B, C, D, E) == [F, A, B, C, D, E]
    after = routes.library.ranks(PlaylistItem)
    assert {key for key in before if before[key] != after[key]} == {f"queue/{FEED}/{F}"}
    assert [len(edits) for edits in routes.library.transactions[transactions:]] == [1]
    await queue(routes, F, A, B, C, D, E)
    assert routes.library.transactions[-1] == [], "the same order again is no change"


async def test_what_an_order_does_not_name_stays_behind_what_it_followed(routes: Routes) -> None:
    await queue(routes, A, B, C, D)
    assert await queue(routes, C, A) == [C, D, A, B]
    assert await queue(routes) == [C, D, A, B]


async def test_an_order_adds_and_takes_out_in_one_step(routes: Routes) -> None:
    await queue(routes, A, B, C)
    body = {"items": [item(D, item_title="Four"), item(C)], "removed": [item(A), item(C), item(F)]}
    told = await routes.ask("PUT", f"{QUEUE}/items", body)
    assert order(told) == [B, D, C], "what is both wanted and removed is wanted"
    assert told["playlist"]["items"][1]["item_title"] == "Four"
    assert len(routes.library.transactions) == 2


@pytest.mark.parametrize(
    "body",
    [{}, {"items": [{}]}, {"items": [item("")]}, {"items": [item(A, "no feed!")]}, {"items": "x"}, {"items": [7]}],
)
async def test_an_order_that_names_no_episodes_is_a_bad_request(routes: Routes, body: Any) -> None:
    await queue(routes, A)
    assert await routes.problem("PUT", f"{QUEUE}/items", body) == (400, "BAD_REQUEST")
    assert order(await routes.ask("GET", QUEUE)) == [A]


async def test_taking_out_is_a_success_each_time(routes: Routes) -> None:
    await queue(routes, A, B)
    for _ in range(2):
        assert await routes.ask("DELETE", f"{QUEUE}/items/{FEED}/{A}") == SUCCESS
    assert order(await routes.ask("GET", QUEUE)) == [B]


async def test_items_whose_ranks_are_equal_are_put_in_order_all_the_same(routes: Routes) -> None:
    """Two requests that append at once may read the same list."""
    await queue(routes, A)
    for episode in (B, C):
        (rank,) = set(routes.library.ranks(PlaylistItem).values())
        await routes.library.change(put_episode("queue", FEED, episode, rank=rank))
    assert len(set(routes.library.ranks(PlaylistItem).values())) == 1
    added = await routes.ask("POST", f"{QUEUE}/items", item(D, position=1))
    assert order(added)[1] == D
    assert len(set(routes.library.ranks(PlaylistItem).values())) == 4


async def test_a_playlist_of_another_server_is_read_by_its_own_id(routes: Routes) -> None:
    name = "my list/50% new"
    wishes = [put_playlist(name, name="Mine"), put_episode(name, FEED, A, rank="V000.A")]
    await routes.library.change_all(wishes)
    assert routes.library.value(Playlist, "my list%2F50%25 new") is not None
    (listed,) = (await routes.ask("GET", "/playlists"))["playlists"]
    assert (listed["id"], len(listed["items"])) == (name, 1)
