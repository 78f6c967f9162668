"""What everybody is shown, through the relay's whole app: what counts, who stays hidden, and when that takes effect."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from balados_relay.app import Relay, create_app, open_relay
from balados_relay.public.service import FRESH
from balados_relay.settings import Settings
from balados_relay.storage.accounts import Grant, add_grant, find_account
from balados_relay.storage.people import delete_account
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.times import DAY, Instant
from balados_shared.tokens import new_key, public_pem
from support.apps import App
from support.loopback import Clock, client_of
from support.strategies import NOON

FEED = FeedId.of("https://example.com/feed.xml")
OTHER = FeedId.of("https://example.com/other.xml")
ITEM = EpisodeId.of("ep-0001", "https://cdn.example.com/a/0001.mp3")
SECOND_ITEM = EpisodeId.of("ep-0002", "https://cdn.example.com/a/0002.mp3")
PUBLIC = "/api/v1/public"


class Somebody:
    """A person with an app that may do everything."""

    def __init__(self, app: App, client: httpx.AsyncClient) -> None:
        self.app = app
        self._client = client

    async def ask(self, method: str, path: str, **body: Any) -> httpx.Response:
        token = self.app.token(now=self.app.relay.clock())
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self._client.request(method, f"/api/v1{path}", json=body or None, headers=headers)
        assert answer.is_success, answer.text
        return answer

    async def subscribe(self, feed: FeedId = FEED, title: str | None = "Example Cast") -> None:
        await self.ask("POST", "/subscriptions", rss_source_feed=feed, title=title)

    async def play(self, item: EpisodeId = ITEM, feed: FeedId = FEED, position: float = 30) -> None:
        await self.ask("POST", "/play", rss_source_feed=feed, rss_source_item=item, position=position, played=False)

    async def keep(self, privacy: str, **about: str) -> None:
        await self.ask("PUT", "/privacy", privacy=privacy, **about)


@pytest.fixture
async def relay(tmp_path: Path, clock: Clock) -> AsyncIterator[Relay]:
    async with open_relay(Settings(tmp_path / "relay", public=True), clock) as relay:
        yield relay


@pytest.fixture
async def client(relay: Relay) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(relay), None) as client:
        yield client


async def person(relay: Relay, client: httpx.AsyncClient, name: str) -> Somebody:
    device = await App.paired(relay, name)
    account = relay.database.read(lambda connection: find_account(connection, name))
    assert account is not None
    key = new_key()
    grant = Grant(account.id, "an.app", public_pem(key), "App", NOON, scopes="*")
    await relay.database.write(lambda connection: add_grant(connection, grant))
    return Somebody(App(relay, "web", "an.app", device.user_id, key), client)


@pytest.fixture
async def ada(relay: Relay, client: httpx.AsyncClient) -> Somebody:
    return await person(relay, client, "Ada")


@pytest.fixture
async def bob(relay: Relay, client: httpx.AsyncClient) -> Somebody:
    return await person(relay, client, "Bob")


async def get(client: httpx.AsyncClient, path: str, status: int = 200, **query: Any) -> Any:
    answer = await client.get(f"{PUBLIC}{path}", params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


async def podcasts(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await get(client, "/trending/podcasts", **query))["podcasts"]
    return found


async def events(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await get(client, "/timeline", **query))["events"]
    return found


# What counts


async def test_a_row_has_the_names_of_both_worlds(client: httpx.AsyncClient, ada: Somebody) -> None:
    await ada.subscribe()
    await ada.play()
    answer = await get(client, "/trending/podcasts", limit=1)
    (row,) = answer["podcasts"]
    wanted = {
        "rss_source_feed": FEED,
        "feed_title": "Example Cast",
        "score": 15,
        "score_previous": 0,
        "plays": 1,
        "likes": 0,
        "plays_people": [],
        "likes_people": [],
        "feed_url": "https://example.com/feed.xml",
        "title": "Example Cast",
        "subscriber_count": 1,
    }
    assert row | wanted == row
    assert answer["updated_at"] == Instant(NOON).write().replace(".000Z", "Z")


async def test_an_episode_counts_once_however_often_it_is_saved(client: httpx.AsyncClient, ada: Somebody) -> None:
    for position in (10, 20, 30):
        await ada.play(position=position)
    await ada.play(SECOND_ITEM)
    (row,) = await podcasts(client)
    assert (row["score"], row["plays"]) == (10, 2)


async def test_everything_scores_as_documented(client: httpx.AsyncClient, ada: Somebody, bob: Somebody) -> None:
    await ada.subscribe()  # 10
    await ada.play()  # 5
    await ada.ask("POST", "/likes", rss_source_feed=FEED)  # 7
    await bob.ask("POST", "/likes", rss_source_feed=FEED, rss_source_item=ITEM)  # 7
    await bob.ask("POST", f"/episodes/{ITEM}/save", feed=FEED)  # 3
    for _ in range(2):
        await bob.ask("POST", f"/episodes/{ITEM}/share", feed=FEED)  # 2, once
    await ada.ask("POST", f"/episodes/{ITEM}/share?feed={FEED}")  # 2
    assert (await get(client, f"/feed/{FEED}/popularity"))["podcast"]["score"] == 36
    episode = (await get(client, f"/episode/{ITEM}/popularity"))["episode"]
    assert (episode["score"], episode["plays"], episode["likes"]) == (19, 1, 1)
    assert (episode["rss_source_feed"], episode["rss_source_item"]) == (FEED, ITEM)
    assert (await get(client, "/trending/episodes"))["episodes"] == [episode]
    assert (await get(client, "/trending/episodes", feed=OTHER))["episodes"] == []


async def test_what_was_taken_back_does_not_count(client: httpx.AsyncClient, ada: Somebody) -> None:
    await ada.subscribe()
    await ada.ask("DELETE", f"/subscriptions/{FEED}")
    assert await podcasts(client) == []


async def test_what_grows_most_trends(client: httpx.AsyncClient, ada: Somebody, bob: Somebody, clock: Clock) -> None:
    await ada.subscribe()
    await bob.subscribe()
    clock.now += DAY
    await ada.subscribe(OTHER)
    rows = await podcasts(client)
    assert [(row["rss_source_feed"], row["score"], row["score_previous"]) for row in rows] == [
        (OTHER, 10, 0),
        (FEED, 20, 20),
    ]


async def test_what_was_shared_without_its_feed_must_be_known(client: httpx.AsyncClient, ada: Somebody) -> None:
    answer = await client.post(f"/api/v1/episodes/{ITEM}/share", headers=ada.app.headers())
    assert answer.status_code == 404
    assert (await client.post(f"/api/v1/episodes/{ITEM}/share")).status_code == 401


# Who stays hidden


@pytest.mark.parametrize("about", [{}, {"feed": FEED}, {"feed": FEED, "item": ITEM}], ids=["all", "feed", "episode"])
async def test_what_is_private_is_nowhere(client: httpx.AsyncClient, ada: Somebody, about: dict[str, str]) -> None:
    await ada.play()
    assert len(await events(client)) == 1
    await ada.keep("private", **about)
    assert await events(client) == []
    assert await podcasts(client) == []
    assert (await get(client, "/trending/episodes"))["episodes"] == []
    await get(client, f"/feed/{FEED}/popularity", status=404)
    await get(client, f"/episode/{ITEM}/popularity", status=404)


async def test_who_is_anonymous_is_not_named(client: httpx.AsyncClient, ada: Somebody) -> None:
    await ada.play()
    (event,) = await events(client)
    assert (event["user_id"], event["privacy"]) == (ada.app.user_id, "public")
    await ada.keep("anonymous", feed=FEED)
    (event,) = await events(client)
    assert (event["user_id"], event["privacy"]) == (None, "anonymous")
    assert event["event_type"] == "play"
    assert event["event_data"] == {"position": 30, "played": False}
    assert (event["rss_source_feed"], event["rss_source_item"]) == (FEED, ITEM)
    assert await events(client, user_id=ada.app.user_id) == []


async def test_the_nearest_setting_decides(client: httpx.AsyncClient, ada: Somebody) -> None:
    await ada.subscribe()
    await ada.play()
    await ada.play(SECOND_ITEM)
    await ada.keep("private")
    await ada.keep("anonymous", feed=FEED)
    await ada.keep("public", feed=FEED, item=ITEM)
    shown = {(event["rss_source_item"], event["privacy"]) for event in await events(client)}
    assert shown == {(None, "anonymous"), (SECOND_ITEM, "anonymous"), (ITEM, "public")}


async def test_privacy_is_each_persons_own(client: httpx.AsyncClient, ada: Somebody, bob: Somebody) -> None:
    await ada.subscribe()
    await bob.subscribe()
    await ada.keep("private")
    (event,) = await events(client)
    assert event["user_id"] == bob.app.user_id
    (row,) = await podcasts(client)
    assert row["subscriber_count"] == 1


async def test_who_leaves_is_gone_at_once(client: httpx.AsyncClient, relay: Relay, ada: Somebody) -> None:
    await ada.subscribe()
    await ada.ask("POST", f"/episodes/{ITEM}/share", feed=FEED)
    assert len(await podcasts(client)) == 1
    account = relay.database.read(lambda connection: find_account(connection, "Ada"))
    assert account is not None
    await relay.database.write(lambda connection: delete_account(connection, account.id, NOON))
    assert await podcasts(client) == []
    assert await events(client) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:password@example.com/feed.xml",
        "https://example.com/feed.xml?auth=x",
        "https://example.com/feed.xml?Token=x",
        "https://example.com/rss/Zm9vYmFy1234567890abcdef/feed.xml",
        "https://example.com/rss?id=6f1c2a52-6d0e-4b63-9a3b-0a4d0f7f1a01",
    ],
)
async def test_a_feed_that_looks_like_ones_own_is_not_shown(
    client: httpx.AsyncClient, ada: Somebody, bob: Somebody, url: str
) -> None:
    feed = FeedId.of(url)
    await ada.subscribe(feed)
    await ada.play(feed=feed)
    assert await podcasts(client) == []
    assert await events(client) == []
    await get(client, f"/episode/{ITEM}/popularity", status=404)
    await bob.subscribe(feed)
    await bob.keep("private")
    assert await podcasts(client) == [], "who hides does not vouch for it either"


async def test_what_two_people_follow_is_nobodys_own(
    client: httpx.AsyncClient, ada: Somebody, bob: Somebody, clock: Clock
) -> None:
    feed = FeedId.of("https://example.com/6f1c2a52-6d0e-4b63-9a3b-0a4d0f7f1a01/feed.xml")
    await ada.subscribe(feed)
    await bob.subscribe(feed)
    assert len(await podcasts(client)) == 1


# Lists, and how long they stand


async def test_the_timeline_is_newest_first_and_in_pages(
    client: httpx.AsyncClient, ada: Somebody, clock: Clock
) -> None:
    await ada.subscribe()
    clock.now += 1_000
    await ada.subscribe(OTHER)
    clock.now += 1_000
    await ada.play()
    shown = await events(client)
    assert [(event["event_type"], event["rss_source_feed"]) for event in shown] == [
        ("play", FEED),
        ("subscribe", OTHER),
        ("subscribe", FEED),
    ]
    assert await events(client, limit=1, offset=1) == shown[1:2]
    assert await events(client, event_type="play") == shown[:1]
    assert await events(client, feed=OTHER) == shown[1:2]
    assert await events(client, user_id=ada.app.user_id) == shown
    assert await events(client, user_id="nobody") == []
    assert (await get(client, "/timeline", limit=1_000))["pagination"] == {"limit": 100, "offset": 0}


async def test_an_answer_stands_for_five_minutes(client: httpx.AsyncClient, ada: Somebody, clock: Clock) -> None:
    await ada.subscribe()
    assert len(await podcasts(client)) == 1
    await ada.subscribe(OTHER)
    clock.now += FRESH - 1
    assert len(await podcasts(client)) == 1
    clock.now += 1
    assert len(await podcasts(client)) == 2


async def test_strange_numbers_are_no_trouble(client: httpx.AsyncClient, ada: Somebody) -> None:
    await ada.subscribe()
    assert await podcasts(client, limit=-5) == []
    assert len(await podcasts(client, limit=10**6)) == 1
    assert await events(client, offset=10**6) == []
    await get(client, "/timeline", status=400, limit="many")


async def test_an_unknown_feed_has_no_popularity(client: httpx.AsyncClient) -> None:
    await get(client, f"/feed/{OTHER}/popularity", status=404)
    await get(client, f"/episode/{ITEM}/popularity", status=404)


async def test_a_stranger_may_not_ask_without_end(client: httpx.AsyncClient) -> None:
    statuses = {(await client.get(f"{PUBLIC}/timeline")).status_code for _ in range(61)}
    assert statuses == {200, 429}


async def test_a_relay_shows_nothing_unless_it_is_told_to(tmp_path: Path, clock: Clock) -> None:
    async with (
        open_relay(Settings(tmp_path / "home"), clock) as relay,
        client_of(create_app(relay), None) as client,
    ):
        ada = await person(relay, client, "Ada")
        await ada.subscribe()
        await ada.play()
        await ada.ask("POST", f"/episodes/{ITEM}/share", feed=FEED)
        assert await podcasts(client) == []
        assert (await get(client, "/trending/episodes"))["episodes"] == []
        assert await events(client) == []
        await get(client, f"/feed/{FEED}/popularity", status=404)
        await get(client, f"/episode/{ITEM}/popularity", status=404)
