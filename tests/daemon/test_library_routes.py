"""The documented REST routes as the daemon serves them (protocol sheet, section 3.4), through its whole app."""

from typing import Any

import httpx
import pytest

from balados_daemon.app import Daemon, create_app
from balados_shared.ids import EpisodeId, FeedId
from support.elsewhere import feed
from support.loopback import TOKEN, Clock, client_of
from support.strategies import FEED, ITEM, OTHER_FEED, OTHER_ITEM

SUCCESS = {"status": "success"}
PADDED = FEED + "=" * (-len(FEED) % 4)
"""The same feed as older clients write it."""

FORMS = [FEED, PADDED, "https://example.com/feed.xml"]
"""One feed in three forms."""


async def ask(client: httpx.AsyncClient, method: str, path: str, body: Any = None, **query: Any) -> Any:
    answer = await client.request(method, f"/api/v1{path}", json=body, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def problem(client: httpx.AsyncClient, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
    answer = await client.request(method, f"/api/v1{path}", json=body, params=query)
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["error"] == told["error_code"]
    assert told["message"] == told["detail"]
    return answer.status_code, told["error_code"]


async def play(client: httpx.AsyncClient, item: EpisodeId, position: float, of: FeedId = FEED, **more: Any) -> None:
    body = {"rss_source_feed": of, "rss_source_item": item, "position": position, "played": False}
    assert await ask(client, "POST", "/play", body | more) == SUCCESS


async def statuses(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await ask(client, "GET", "/play", **query))["play_statuses"]
    return rows


# Subscriptions


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["rss_source_feed", "feedUrl"])
async def test_both_dialects_and_every_form_of_a_feed_subscribe(
    client: httpx.AsyncClient, name: str, form: str
) -> None:
    assert await ask(client, "POST", "/subscriptions", {name: form, "rss_source_id": "x", "title": "Owl"}) == SUCCESS
    (row,) = (await ask(client, "GET", "/subscriptions"))["subscriptions"]
    assert (row["rss_source_feed"], row["rss_feed_title"]) == (FEED, "Owl")
    assert row["subscribed_at"] == "2026-01-01T12:00:00Z"
    assert row["unsubscribed_at"] is None
    assert {"id", "rss_source_id", "inserted_at", "updated_at"} <= row.keys()


async def test_subscribing_again_changes_nothing(client: httpx.AsyncClient, clock: Clock) -> None:
    for _ in range(2):
        await ask(client, "POST", "/subscriptions", {"rss_source_feed": FEED})
        clock.now += 1_000
    (row,) = (await ask(client, "GET", "/subscriptions"))["subscriptions"]
    assert row["subscribed_at"] == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize("form", FORMS[:2])
async def test_unsubscribing_is_a_success_each_time(client: httpx.AsyncClient, form: str) -> None:
    assert await ask(client, "DELETE", f"/subscriptions/{form}") == SUCCESS, "even when never subscribed"
    await ask(client, "POST", "/subscriptions", {"rss_source_feed": FEED})
    for _ in range(2):
        assert await ask(client, "DELETE", f"/subscriptions/{form}") == SUCCESS
    assert (await ask(client, "GET", "/subscriptions"))["subscriptions"] == []


@pytest.mark.parametrize(
    "body",
    [{}, {"title": "x"}, {"rss_source_feed": ""}, {"rss_source_feed": "not base64!"}, {"rss_source_feed": 7}, []],
)
async def test_a_subscription_without_a_feed_is_a_bad_request(client: httpx.AsyncClient, body: Any) -> None:
    assert await problem(client, "POST", "/subscriptions", body) == (400, "BAD_REQUEST")


# Play statuses


async def test_a_position_is_kept_in_either_dialect(client: httpx.AsyncClient) -> None:
    await play(client, ITEM, 60.5, duration=1_800)
    queued = {"feedUrl": FORMS[2], "episodeId": OTHER_ITEM, "position": 1_800, "duration": 1_800.5, "completed": True}
    assert await ask(client, "POST", "/play", queued) == SUCCESS
    told = {row["rss_source_item"]: row for row in await statuses(client)}
    assert (told[ITEM]["position"], told[ITEM]["played"], told[ITEM]["duration"]) == (60.5, False, 1_800)
    assert (told[OTHER_ITEM]["position"], told[OTHER_ITEM]["played"]) == (1_800, True)


async def test_a_play_does_not_subscribe(client: httpx.AsyncClient) -> None:
    await play(client, ITEM, 60)
    assert (await ask(client, "GET", "/subscriptions"))["subscriptions"] == []


async def test_going_back_on_purpose_counts(client: httpx.AsyncClient) -> None:
    await play(client, ITEM, 900)
    await play(client, ITEM, 60)
    row = await ask(client, "GET", f"/play/{FEED}/{ITEM}")
    assert (row["position"], row["furthest"]) == (60, 900)


async def test_setting_a_position_leaves_played_as_it_was(client: httpx.AsyncClient) -> None:
    await play(client, ITEM, 900, played=True)
    assert await ask(client, "PUT", f"/play/{ITEM}/position", {"position": 60, "rss_source_feed": FEED}) == SUCCESS
    row = await ask(client, "GET", f"/play/{FEED}/{ITEM}")
    assert (row["position"], row["played"]) == (60, True)


async def test_the_feed_may_stand_in_the_query(client: httpx.AsyncClient) -> None:
    await ask(client, "PUT", f"/play/{ITEM}/position", {"position": 60}, feed=PADDED)
    assert (await ask(client, "GET", f"/play/{FEED}/{ITEM}"))["position"] == 60


async def test_a_path_without_a_feed_means_the_newest_match(client: httpx.AsyncClient, clock: Clock) -> None:
    await play(client, ITEM, 10)
    clock.now += 1_000
    await play(client, ITEM, 20, OTHER_FEED)
    await ask(client, "PUT", f"/play/{ITEM}/position", {"position": 99})
    assert (await ask(client, "GET", f"/play/{FEED}/{ITEM}"))["position"] == 10
    assert (await ask(client, "GET", f"/play/{OTHER_FEED}/{ITEM}"))["position"] == 99


async def test_what_is_not_known_yet_is_not_found(client: httpx.AsyncClient) -> None:
    assert await problem(client, "GET", f"/play/{FEED}/{ITEM}") == (404, "NOT_FOUND")
    assert await problem(client, "PUT", f"/play/{ITEM}/position", {"position": 60}) == (404, "NOT_FOUND")
    assert await statuses(client) == []


@pytest.mark.parametrize(
    "changed",
    [{"position": None}, {"position": -1}, {"position": "far"}, {"rss_source_item": None}, {"rss_source_feed": "!"},
     {"state": "dancing"}, {"duration": -5}, {"played": "yes"}],
    ids=str,
)  # fmt: skip
async def test_a_bad_report_is_a_bad_request_and_changes_nothing(
    client: httpx.AsyncClient, changed: dict[str, Any]
) -> None:
    body = {"rss_source_feed": FEED, "rss_source_item": ITEM, "position": 60, "played": False} | changed
    assert (await problem(client, "POST", "/play", body))[0] == 400
    assert await statuses(client) == []


async def test_pages_are_newest_first_and_say_how_many_there_are(client: httpx.AsyncClient, clock: Clock) -> None:
    for number in range(5):
        await play(client, ITEM, number, feed(number))
        clock.now += 1_000
    page = await ask(client, "GET", "/play", limit=2, offset=1)
    assert [row["position"] for row in page["play_statuses"]] == [3, 2]
    assert page["pagination"] == {"limit": 2, "offset": 1, "total": 5}


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ({}, (50, 0)),
        ({"limit": 1_000}, (100, 0)),
        ({"limit": 0, "offset": -5}, (1, 0)),
        ({"offset": 2**80}, (50, 2**63 - 1)),
    ],
)
async def test_odd_pages_mean_the_nearest_that_makes_sense(
    client: httpx.AsyncClient, query: dict[str, int], read: tuple[int, int]
) -> None:
    pagination = (await ask(client, "GET", "/play", **query))["pagination"]
    assert (pagination["limit"], pagination["offset"]) == read


async def test_filters_by_feed_and_by_played(client: httpx.AsyncClient) -> None:
    await play(client, ITEM, 1)
    await play(client, OTHER_ITEM, 2, played=True)
    await play(client, ITEM, 3, OTHER_FEED, played=True)

    async def positions(**query: str) -> set[float]:
        return {row["position"] for row in await statuses(client, **query)}

    assert await positions(feed=PADDED) == {1, 2}
    assert await positions(played="true") == {2, 3}
    assert await positions(played="false") == {1}
    assert await positions(played="whatever") == {1}, "as upstream reads it"
    assert await positions(played="true", feed=FEED) == {2}


# Likes


async def test_a_feed_and_an_episode_are_liked_apart(client: httpx.AsyncClient, clock: Clock) -> None:
    assert await ask(client, "POST", "/likes", {"feedUrl": FORMS[2]}) == SUCCESS
    clock.now += 1_000
    assert await ask(client, "POST", "/likes", {"rss_source_feed": FEED, "rss_source_item": ITEM}) == SUCCESS
    assert await ask(client, "GET", "/likes") == {
        "likes": [
            {"rss_source_feed": FEED, "rss_source_item": ITEM, "liked_at": "2026-01-01T12:00:01Z"},
            {"rss_source_feed": FEED, "rss_source_item": None, "liked_at": "2026-01-01T12:00:00Z"},
        ],
        "has_more": False,
    }
    await ask(client, "DELETE", f"/likes/{FEED}")
    assert [row["rss_source_item"] for row in (await ask(client, "GET", "/likes"))["likes"]] == [ITEM]
    for _ in range(2):
        assert await ask(client, "DELETE", f"/likes/{PADDED}/{ITEM}") == SUCCESS
    assert (await ask(client, "GET", "/likes"))["likes"] == []


async def test_likes_come_in_pages(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await ask(client, "POST", "/likes", {"rss_source_feed": feed(number)})
    first = await ask(client, "GET", "/likes", limit=2)
    rest = await ask(client, "GET", "/likes", limit=2, offset=2)
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert len({row["rss_source_feed"] for page in (first, rest) for row in page["likes"]}) == 3


async def test_a_like_of_nothing_is_a_bad_request(client: httpx.AsyncClient) -> None:
    assert await problem(client, "POST", "/likes", {"rss_source_item": ITEM}) == (400, "BAD_REQUEST")


# The door


async def test_without_the_token_nothing_is_told_but_that_it_works(daemon: Daemon) -> None:
    async with client_of(create_app(daemon, TOKEN), None) as stranger:
        assert (await ask(stranger, "GET", "/health"))["ok"] is True
        for path in ("/subscriptions", "/play", "/likes", "/device/status", "/no/such/route"):
            assert await problem(stranger, "GET", path) == (401, "UNAUTHORIZED")
        stranger.headers["Authorization"] = "Bearer wrong"
        assert await problem(stranger, "GET", "/subscriptions") == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Host": "["}])
async def test_a_web_page_cannot_use_the_daemon(client: httpx.AsyncClient, header: dict[str, str]) -> None:
    client.headers.update(header)
    assert await problem(client, "GET", "/subscriptions") == (403, "FORBIDDEN")


async def test_no_such_route_and_no_such_method(client: httpx.AsyncClient) -> None:
    assert await problem(client, "GET", "/no/such/route") == (404, "NOT_FOUND")
    assert await problem(client, "PATCH", "/subscriptions") == (405, "METHOD_NOT_ALLOWED")
