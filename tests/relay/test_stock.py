"""The stock clients' own calls, unchanged: both dialects of sync, the queue's bodies, odd ids, floats."""

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote, unquote

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from balados_relay.app import Relay, create_app
from balados_relay.storage import accounts as storage
from balados_relay.storage.accounts import Grant
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.times import HOUR, MINUTE, Instant
from support.apps import App
from support.elsewhere import play, subscription
from support.loopback import Clock, client_of
from support.strategies import FEED, ITEM, NOON

URL, MEDIA = "https://example.com/feed.xml", "https://cdn.example.com/a/0001.mp3"
PADDED = "aHR0cHM6Ly9leGFtcGxlLmNvbS9mZWVkLnhtbA=="
KEY = generate_private_key(65_537, 2_048)


class Stock:
    """A stock app with its own RSA key, and everything allowed."""

    def __init__(self, http: httpx.AsyncClient, clock: Clock, user_id: str, app_id: str) -> None:
        self.http = http
        self._clock = clock
        self._claims = {"iss": app_id, "sub": user_id}

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        seconds = self._clock.now // 1_000
        token = jwt.encode({**self._claims, "iat": seconds, "exp": seconds + 3_600}, KEY, "RS256")
        headers = {"Authorization": f"Bearer {token}"}
        return await self.http.request(method, f"/api/v1{path}", json=body, headers=headers, **more)

    async def sync(self, **body: Any) -> dict[str, Any]:
        answer = await self.ask("POST", "/sync", body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture
async def device(relay: Relay) -> App:
    return await App.paired(relay)


@pytest.fixture
async def install(relay: Relay, clock: Clock, device: App) -> AsyncIterator[Callable[[str], Any]]:
    async with client_of(create_app(relay), None) as http:

        async def install(app_id: str) -> Stock:
            pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
            grant = Grant(1, app_id, pem, "Web", NOON, scopes="*")
            await relay.database.write(lambda connection: storage.add_grant(connection, grant))
            return Stock(http, clock, device.user_id, app_id)

        yield install


@pytest.fixture
async def stock(install: Callable[[str], Any]) -> Stock:
    installed: Stock = await install("org.example.web")
    return installed


async def arrives(device: App, *records: Any) -> None:
    """Somebody's daemon syncs."""
    body, token = device.body(*records), device.token(now=device.relay.clock())
    async with client_of(create_app(device.relay), None) as http:
        assert (
            await http.post("/api/v1/sync", json=body, headers={"Authorization": f"Bearer {token}"})
        ).status_code == 200


# The flat dialect


async def test_a_flat_request_is_answered_flat(stock: Stock) -> None:
    told = await stock.sync(since=None, subscriptions=[], play_statuses=[])
    assert told["subscriptions"] == told["play_statuses"] == told["likes"] == []
    assert Instant.read(told["synced_at"]) == NOON
    assert "changes" not in told
    assert "sync_token" not in told


async def test_what_a_flat_client_sends_is_there(stock: Stock) -> None:
    row = {"rss_source_feed": PADDED, "subscribed_at": "2026-01-01T10:15:30.217Z"}
    played = {
        "rss_source_feed": PADDED,
        "rss_source_item": EpisodeId.of("ep-1", MEDIA) + "==",
        "position": 912.418,
        "played": False,
        "updated_at": "2026-01-01T11:58:04.217Z",
    }
    told = await stock.sync(since="2025-12-31T00:00:00.000Z", subscriptions=[row], play_statuses=[played])
    (subscription_row,) = told["subscriptions"]
    assert subscription_row["rss_source_feed"] == FeedId.of(URL)
    assert subscription_row["subscribed_at"] == "2026-01-01T10:15:30.217Z"
    (play_row,) = told["play_statuses"]
    assert play_row["rss_source_item"] == EpisodeId.of("ep-1", MEDIA)
    assert (play_row["position"], play_row["played"]) == (912, False)
    kept = (await stock.ask("GET", f"/play/{FeedId.of(URL)}/{EpisodeId.of('ep-1', MEDIA)}")).json()
    assert kept["position"] == 912.418


async def test_since_gives_what_arrived_later_and_tombstones(stock: Stock, device: App, clock: Clock) -> None:
    await arrives(device, subscription(), play(100))
    first = await stock.sync(subscriptions=[])
    assert (len(first["subscriptions"]), len(first["play_statuses"])) == (1, 1)
    clock.now += MINUTE
    again = await stock.sync(since=first["synced_at"], subscriptions=[], play_statuses=[])
    assert again["subscriptions"] == again["play_statuses"] == []
    clock.now += MINUTE
    await arrives(device, subscription(at=MINUTE, number=NOON + 1, gone=True, knows={"other-device": NOON}))
    (row,) = (await stock.sync(since=again["synced_at"], subscriptions=[]))["subscriptions"]
    assert row["rss_source_feed"] == FEED
    assert row["unsubscribed_at"] is not None


async def test_two_stamps_of_one_millisecond_miss_nothing(stock: Stock, device: App) -> None:
    told = await stock.sync(subscriptions=[])
    await arrives(device, subscription())
    assert len((await stock.sync(since=told["synced_at"], subscriptions=[]))["subscriptions"]) == 1


async def test_a_feed_is_told_by_the_queue_as_a_plain_url(stock: Stock) -> None:
    body = {"feedUrl": URL, "title": "Night Owl", "image": "https://example.com/owl.png"}
    answer = await stock.ask("POST", "/subscriptions", body)
    assert (answer.status_code, answer.json()) == (200, {"status": "success"})
    (row,) = (await stock.ask("GET", "/subscriptions")).json()["subscriptions"]
    assert (row["rss_source_feed"], row["title"]) == (FeedId.of(URL), "Night Owl")


async def test_a_play_of_the_queue_is_kept_under_a_readable_id(stock: Stock) -> None:
    body = {"episodeId": "ep-0001", "feedUrl": URL, "position": 61.25, "duration": 1_800, "completed": True}
    assert (await stock.ask("POST", "/play", body)).status_code == 200
    (row,) = (await stock.ask("GET", "/play")).json()["play_statuses"]
    assert (row["position"], row["played"], row["duration"]) == (61.25, True, 1_800)
    assert (await stock.ask("GET", f"/play/{FeedId.of(URL)}/{row['rss_source_item']}")).status_code == 200


async def test_likes_come_and_go(stock: Stock) -> None:
    assert (await stock.ask("POST", "/likes", {"rss_source_feed": PADDED})).json() == {"status": "success"}
    told = await stock.sync(since=None, subscriptions=[])
    assert [row["rss_source_feed"] for row in told["likes"]] == [FeedId.of(URL)]
    assert (await stock.ask("DELETE", f"/likes/{FeedId.of(URL)}")).json() == {"status": "success"}
    (row,) = (await stock.sync(since=told["synced_at"], subscriptions=[]))["likes"]
    assert row["unliked_at"] is not None
    assert [row["unliked_at"] is None for row in (await stock.sync(subscriptions=[]))["likes"]] == [False]
    assert (await stock.sync(changes={}))["changes"]["likes"] == []


async def test_an_unknown_play_status_is_not_found(stock: Stock) -> None:
    assert (await stock.ask("GET", f"/play/{FEED}/{ITEM}")).status_code == 404


@pytest.mark.parametrize("item", ["https://cdn.example.com/a/0001.mp3", "guid/with/slashes"])
async def test_an_episode_may_be_named_by_what_holds_a_slash(stock: Stock, item: str) -> None:
    feed = quote(base64.b64encode("https://example.com/?ü>ÿ".encode()).decode(), safe="")
    body: Any = {"feedUrl": "https://example.com/?ü>ÿ", "episodeId": item, "position": 61, "completed": False}
    assert (await stock.ask("POST", "/play", body)).status_code == 200
    name = quote(item, safe="")
    assert (await stock.ask("GET", f"/play/{feed}/{name}")).json()["position"] == 61
    assert (await stock.ask("PUT", f"/play/{name}/position", {"position": 62})).status_code == 200
    assert (await stock.ask("GET", f"/play/{feed}/{name}")).json()["position"] == 62
    for method, path in (("POST", "/likes"), ("DELETE", f"/likes/{feed}/{name}"), ("DELETE", f"/subscriptions/{feed}")):
        body = {"rss_source_feed": unquote(feed), "rss_source_item": item} if method == "POST" else None
        assert (await stock.ask(method, path, body)).status_code == 200
    assert (await stock.ask("GET", "/likes")).json()["likes"] == []


# The envelope dialect


async def test_an_envelope_is_answered_in_kind(stock: Stock, device: App) -> None:
    await arrives(device, subscription(), play(100))
    told = await stock.sync(changes={})
    assert told.keys() == {"sync_token", "changes", "conflicts"}
    assert told["changes"].keys() == {"subscriptions", "plays", "playlists", "likes"}
    (row,) = told["changes"]["plays"]
    assert row["rss_source_item"] == ITEM
    assert (await stock.sync(last_sync=told["sync_token"]))["changes"]["plays"] == []


async def test_a_full_envelope_lists_only_what_is_there(stock: Stock, device: App) -> None:
    await arrives(device, subscription(gone=True))
    assert (await stock.sync(last_sync=None))["changes"]["subscriptions"] == []
    assert len((await stock.sync(last_sync="2025-01-01T00:00:00Z"))["changes"]["subscriptions"]) == 1


async def test_nothing_said_is_answered_in_both_dialects(stock: Stock) -> None:
    told = await stock.sync()
    assert {"sync_token", "synced_at", "changes", "conflicts", "subscriptions", "play_statuses", "likes"} <= told.keys()


async def test_a_conflict_names_its_episode(stock: Stock, device: App) -> None:
    await arrives(device, play(900, at=-MINUTE))
    row = {"rss_source_feed": FEED, "rss_source_item": ITEM, "position": 20, "updated_at": Instant(NOON).write()}
    (conflict,) = (await stock.sync(changes={"plays": [row]}))["conflicts"]
    assert (conflict["rss_source_feed"], conflict["rss_source_item"]) == (FEED, ITEM)
    assert (conflict["resolution"], conflict["reason"]) == ("remote_wins", "Higher remote position")
    assert (conflict["local"]["position"], conflict["remote"]["position"]) == (20, 900)


async def test_a_reset_goes_through(stock: Stock, device: App) -> None:
    await arrives(device, play(900, played=True))
    row = {"rss_source_feed": FEED, "rss_source_item": ITEM, "position": 0, "played": False, "reset": True}
    (play_row,) = (await stock.sync(changes={"plays": [row]}))["changes"]["plays"]
    assert (play_row["position"], play_row["played"]) == (0, False)


async def test_an_episode_without_its_feed_is_the_one_that_is_known(stock: Stock, device: App) -> None:
    await arrives(device, play(900, at=-HOUR))
    row = {"rss_source_item": ITEM, "position": 950, "updated_at": Instant(NOON).write()}
    (known,) = (await stock.sync(changes={"plays": [row]}))["changes"]["plays"]
    assert (known["rss_source_feed"], known["position"]) == (FEED, 950)
    told = await stock.sync(changes={"plays": [{"rss_source_item": EpisodeId.of("nobody", None), "position": 1}]})
    assert [verdict["place"] for verdict in told["verdicts"]] == ["plays[0]"]


async def test_one_bad_row_is_named_and_the_rest_goes_on(stock: Stock) -> None:
    rows: list[Any] = [{"rss_source_feed": FEED, "subscribed_at": Instant(NOON).write()}, {"rss_source_feed": None}, 7]
    told = await stock.sync(subscriptions=rows)
    assert len(told["subscriptions"]) == 1
    assert [verdict["place"] for verdict in told["verdicts"]] == ["subscriptions[1]", "subscriptions[2]"]


@pytest.mark.parametrize("body", [{"subscriptions": "x"}, {"changes": [7]}, {"changes": {"plays": 7}}], ids=str)
async def test_what_is_no_list_is_a_clear_error(stock: Stock, body: dict[str, Any]) -> None:
    answer = await stock.ask("POST", "/sync", body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")


async def test_a_clock_ahead_is_capped(stock: Stock) -> None:
    row = {"rss_source_feed": FEED, "subscribed_at": Instant(NOON + 48 * HOUR).write()}
    (kept,) = (await stock.sync(subscriptions=[row]))["subscriptions"]
    assert Instant.read(kept["subscribed_at"]) == NOON + MINUTE


async def test_more_than_a_million_bytes_are_too_many_without_a_cursor(stock: Stock) -> None:
    answer = await stock.ask("POST", "/sync", {"subscriptions": [], "pad": " " * 1_000_000})
    assert (answer.status_code, answer.json()["error_code"]) == (413, "PAYLOAD_TOO_LARGE")


# Playlists


def playlist(*guids: str, at: int = 0, **more: Any) -> dict[str, Any]:
    items = [{"rss_source_feed": FEED, "rss_source_item": EpisodeId.of(guid, None)} for guid in guids]
    return {"id": "p1", "name": "Evening", "updated_at": Instant(NOON + at).write(), "items": items, **more}


def guids(told: dict[str, Any]) -> list[str]:
    (row,) = told["changes"]["playlists"]
    return [EpisodeId(item["rss_source_item"]).name.guid for item in row["items"]]


async def test_a_playlist_goes_from_one_client_to_the_other(stock: Stock, install: Callable[[str], Any]) -> None:
    await stock.sync(changes={"playlists": [playlist("a", "b", "c")]})
    other = await install("org.example.other")
    assert guids(await other.sync(changes={})) == ["a", "b", "c"]


async def test_only_what_moved_gets_a_new_rank(stock: Stock, relay: Relay) -> None:
    await stock.sync(changes={"playlists": [playlist("a", "b", "c", "d")]})
    head = relay.database.read(lambda c: c.execute("SELECT count(*) FROM events").fetchone()[0])
    told = await stock.sync(changes={"playlists": [playlist("d", "a", "b", "c", at=MINUTE)]})
    assert guids(told) == ["d", "a", "b", "c"]
    events = relay.database.read(lambda c: c.execute("SELECT count(*) FROM events").fetchone()[0])
    assert events - head == 2  # the playlist, and the one item that moved


async def test_what_is_missing_from_an_uploaded_list_stays_and_what_was_removed_goes(stock: Stock) -> None:
    await stock.sync(changes={"playlists": [playlist("a", "b", "c")]})
    removed = playlist("a", "b", at=MINUTE)
    removed["items"][1]["removed_at"] = Instant(NOON + MINUTE).write()
    assert guids(await stock.sync(changes={"playlists": [removed]})) == ["a", "c"]


async def test_a_client_that_returns_its_list_does_not_bring_back_a_removed_item(
    stock: Stock, install: Callable[[str], Any]
) -> None:
    await stock.sync(changes={"playlists": [playlist("a", "b", "c")]})
    other = await install("org.example.other")
    await other.sync(changes={})
    removed = playlist("b", at=MINUTE)
    removed["items"][0]["removed_at"] = Instant(NOON + MINUTE).write()
    assert guids(await other.sync(changes={"playlists": [removed]})) == ["a", "c"]
    assert guids(await stock.sync(changes={"playlists": [playlist("a", "b", "c", "d", at=2 * MINUTE)]})) == [
        "a",
        "c",
        "d",
    ]


async def test_a_deleted_playlist_is_a_tombstone(stock: Stock, clock: Clock) -> None:
    told = await stock.sync(changes={"playlists": [playlist("a")]})
    clock.now += HOUR
    gone = playlist(at=HOUR, deleted_at=Instant(NOON + HOUR).write())
    (row,) = (await stock.sync(last_sync=told["sync_token"], changes={"playlists": [gone]}))["changes"]["playlists"]
    assert row["deleted_at"] is not None
    assert (await stock.sync(changes={}))["changes"]["playlists"] == []
