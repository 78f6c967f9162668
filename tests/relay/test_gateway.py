"""Merged feeds and the play gateway through the relay's whole app, with real servers behind it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import httpx
import pytest

from balados_relay.app import Relay, create_app
from balados_relay.feeds.gathering import Gathering
from balados_relay.storage.accounts import find_account
from balados_shared.default_collection import default_id
from balados_shared.ids import EpisodeId, FeedId
from support.feed_server import FeedServer
from support.fetching import fetching_relay
from support.loopback import Clock, client_of

SCOPES = ["user"]


def item_xml(number: int, day: int, *, guid: str | None = None, url: str | None = None) -> str:
    url = url or audio(number)
    return (
        f"<item><title>Episode {number} &amp; more</title><guid>{guid or f'ep-{number}'}</guid>"
        f"<pubDate>{day:02} Jan 2026 10:00:00 GMT</pubDate><itunes:duration>61</itunes:duration>"
        f'<enclosure url="{url}" type="audio/mpeg" length="7"/></item>'
    )


def feed_xml(title: str, *items: str) -> bytes:
    return (
        '<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">'
        f"<channel><title>{title}</title>{''.join(items)}</channel></rss>"
    ).encode()


def audio(number: int) -> str:
    return f"https://cdn.example.com/{number}.mp3"


def item(number: int) -> EpisodeId:
    return EpisodeId.of(f"ep-{number}", audio(number))


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """Two feeds whose episodes interleave, and one that does not answer."""
    with FeedServer() as server:
        server.answer("/odd.xml", body=feed_xml("Odd &lt;1&gt;", item_xml(3, 3), item_xml(1, 1)))
        server.answer("/even.xml", body=feed_xml("Even", item_xml(4, 4), item_xml(2, 2)))
        server.answer("/broken.xml", status=503)
        yield server


@pytest.fixture
async def relay(tmp_path: Path, server: FeedServer, clock: Clock) -> AsyncIterator[Relay]:
    async with fetching_relay(tmp_path, server, clock) as relay:
        await relay.accounts.invite("Ada")
        yield relay


@pytest.fixture
async def client(relay: Relay) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(relay), None) as client:
        yield client


async def token_for(relay: Relay, scopes: list[str], app_id: str = "a.player") -> str:
    account = relay.database.read(lambda connection: find_account(connection, "Ada"))
    assert account is not None
    issued = await relay.accounts.bearers.issue(account.id, app_id=app_id, name="Player", url=None, scopes=scopes)
    return issued.token


@pytest.fixture
async def token(relay: Relay) -> str:
    return await token_for(relay, SCOPES)


@pytest.fixture
def odd(server: FeedServer) -> FeedId:
    return FeedId.of(server.url("/odd.xml"))


@pytest.fixture
def even(server: FeedServer) -> FeedId:
    return FeedId.of(server.url("/even.xml"))


class Listener:
    """Who fills the library, and looks at it as feeds."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._token = token

    async def ask(self, method: str, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = await self._client.request(method, f"/api/v1{path}", json=body or None, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def feed(self, path: str) -> Element:
        answer = await self._client.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/xml; charset=utf-8"
        assert answer.headers["cache-control"] == "private, max-age=60"
        channel = ElementTree.fromstring(answer.content).find("channel")
        assert channel is not None
        return channel


def titles(channel: Element) -> list[str]:
    return [each.findtext("title", "") for each in channel.iter("item")]


def links(channel: Element) -> list[str]:
    return [each.attrib["url"] for each in channel.iter("enclosure")]


@pytest.fixture
async def ada(client: httpx.AsyncClient, token: str, odd: FeedId, even: FeedId, server: FeedServer) -> Listener:
    """Ada follows all three feeds."""
    ada = Listener(client, token)
    for feed in (odd, even, FeedId.of(server.url("/broken.xml"))):
        await ada.ask("POST", "/subscriptions", rss_source_feed=feed)
    return ada


# Merged feeds


@pytest.mark.parametrize("path", ["/rss/{}/subscriptions", "/api/v1/rss/user/{}/subscriptions"])
async def test_subscriptions_are_one_feed_newest_first(ada: Listener, token: str, odd: FeedId, path: str) -> None:
    channel = await ada.feed(path.format(token))
    assert channel.findtext("title") == "My Subscriptions"
    assert channel.findtext("language") == "en"
    assert titles(channel) == [
        "Even - Episode 4 & more",
        "Odd <1> - Episode 3 & more",
        "Even - Episode 2 & more",
        "Odd <1> - Episode 1 & more",
    ]
    assert links(channel)[3] == f"http://127.0.0.1/play/{token}/{odd}/{item(1)}"
    first = channel.find("item")
    assert first is not None
    assert first.findtext("pubDate") == "Sun, 04 Jan 2026 10:00:00 GMT"
    assert first.findtext("{http://www.itunes.com/dtds/podcast-1.0.dtd}duration") == "61"
    assert first.find("enclosure").attrib | {"url": ""} == {"url": "", "type": "audio/mpeg", "length": "7"}  # type: ignore[union-attr]


async def test_every_link_of_a_merged_feed_leads_to_its_episode(
    ada: Listener, client: httpx.AsyncClient, token: str
) -> None:
    channel = await ada.feed(f"/rss/{token}/subscriptions")
    found = [(await client.get(link)).headers["location"] for link in links(channel)]
    assert found == [audio(4), audio(3), audio(2), audio(1)]


async def test_at_most_a_hundred_episodes_are_told(ada: Listener, server: FeedServer, token: str) -> None:
    server.answer("/even.xml", body=feed_xml("Even", *(item_xml(number, 5) for number in range(100, 250))))
    assert len(titles(await ada.feed(f"/rss/{token}/subscriptions"))) == 100


async def test_a_collection_is_its_feeds_that_are_followed(
    ada: Listener, token: str, odd: FeedId, even: FeedId, client: httpx.AsyncClient
) -> None:
    made = (await ada.ask("POST", "/collections", title="Some"))["collection"]["id"]
    for feed in (odd, even):
        await ada.ask("POST", f"/collections/{made}/feeds", rss_source_feed=feed)
    await ada.ask("DELETE", f"/subscriptions/{odd}")
    channel = await ada.feed(f"/rss/{token}/collections/{made}")
    assert channel.findtext("title") == "Some"
    assert titles(channel) == ["Even - Episode 4 & more", "Even - Episode 2 & more"]
    assert (await client.get(f"/rss/{token}/collections/unknown")).status_code == 404


async def test_the_default_collection_is_everything(ada: Listener, relay: Relay, token: str) -> None:
    account = relay.database.read(lambda connection: find_account(connection, "Ada"))
    assert account is not None
    channel = await ada.feed(f"/rss/{token}/collections/{default_id(account.user_id)}")
    assert len(titles(channel)) == 4


@pytest.mark.parametrize("path", ["/rss/{}/playlists/queue", "/api/v1/rss/user/{}/playlist/queue"])
async def test_a_playlist_keeps_its_own_order(ada: Listener, token: str, odd: FeedId, even: FeedId, path: str) -> None:
    for feed, episode in ((odd, item(1)), (even, item(4)), (odd, item(3)), (odd, item(99))):
        await ada.ask("POST", "/playlists/queue/items", rss_source_feed=feed, rss_source_item=episode)
    channel = await ada.feed(path.format(token))
    assert channel.findtext("title") == "Queue"
    assert titles(channel) == [
        "Odd <1> - Episode 1 & more",
        "Even - Episode 4 & more",
        "Odd <1> - Episode 3 & more",
    ]


async def test_a_playlist_that_is_not_there_is_not_found(ada: Listener, token: str, client: httpx.AsyncClient) -> None:
    made = (await ada.ask("POST", "/playlists", name="Gone"))["playlist"]["id"]
    assert (await client.get(f"/rss/{token}/playlists/{made}")).status_code == 200
    await ada.ask("DELETE", f"/playlists/{made}")
    assert (await client.get(f"/rss/{token}/playlists/{made}")).status_code == 404


async def test_what_xml_cannot_hold_is_left_out(ada: Listener, server: FeedServer, token: str) -> None:
    server.answer("/odd.xml", body=feed_xml("Odd", item_xml(1, 1)).replace(b"Episode", b"Epi&#x1F;sode\x01"))
    assert len(titles(await ada.feed(f"/rss/{token}/subscriptions"))) >= 2


async def test_one_that_hangs_does_not_hold_up_the_others(
    ada: Listener, relay: Relay, server: FeedServer, token: str, clock: Clock
) -> None:
    relay.gathering = Gathering(relay.feeds, clock, seconds=0.5)
    await relay.feeds.parsed(FeedId.of(server.url("/even.xml")))
    server.hold("/odd.xml")
    channel = await ada.feed(f"/rss/{token}/subscriptions")
    assert titles(channel) == ["Even - Episode 4 & more", "Even - Episode 2 & more"]
    server.release()


async def test_a_whole_list_is_kept_and_a_part_is_not(ada: Listener, server: FeedServer, token: str) -> None:
    await ada.feed(f"/rss/{token}/subscriptions")
    await ada.feed(f"/rss/{token}/subscriptions")
    asked = [request.path for request in server.requests]
    assert (asked.count("/odd.xml"), asked.count("/broken.xml")) == (1, 2)


async def test_links_name_the_address_that_people_know(
    tmp_path: Path, server: FeedServer, clock: Clock, odd: FeedId
) -> None:
    url = "https://pods.example/"
    async with fetching_relay(tmp_path / "named", server, clock, public_url=url) as relay:
        await relay.accounts.invite("Ada")
        async with client_of(create_app(relay), None) as client:
            token = await token_for(relay, SCOPES)
            ada = Listener(client, token)
            await ada.ask("POST", "/subscriptions", rss_source_feed=odd)
            found = links(await ada.feed(f"/rss/{token}/subscriptions"))
    assert found[0] == f"https://pods.example/play/{token}/{odd}/{item(3)}"


# The gateway


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_gateway_leads_to_the_episode(
    client: httpx.AsyncClient, token: str, odd: FeedId, method: str
) -> None:
    headers = {"Range": "bytes=100-", "Accept": "audio/*"}
    answer = await client.request(method, f"/play/{token}/{odd}/{item(1)}", headers=headers)
    assert (answer.status_code, answer.content) == (302, b"")
    assert answer.headers["location"] == audio(1)
    assert answer.headers["cache-control"] == "no-cache, no-store, must-revalidate"


async def test_the_gateway_touches_no_position(
    ada: Listener, client: httpx.AsyncClient, token: str, odd: FeedId
) -> None:
    await ada.ask("POST", "/play", rss_source_feed=odd, rss_source_item=item(1), position=900, played=False)
    before = await ada.ask("GET", "/play")
    await client.get(f"/play/{token}/{odd}/{item(1)}")
    assert await ada.ask("GET", "/play") == before


async def test_the_gateway_leads_nowhere_but_where_the_feed_says(
    client: httpx.AsyncClient, token: str, odd: FeedId
) -> None:
    for guid, url in (("ep-1", "https://evil.example/x"), ("nope", "https://evil.example/x"), ("nope", audio(1))):
        answer = await client.get(f"/play/{token}/{odd}/{EpisodeId.of(guid, url)}")
        assert answer.status_code == 404
        assert "location" not in answer.headers


async def test_a_guid_with_commas_is_kept_whole(
    client: httpx.AsyncClient, server: FeedServer, token: str, odd: FeedId
) -> None:
    guid = "tag:example.com,2024:ep2"
    server.answer("/odd.xml", body=feed_xml("Odd", item_xml(2, 1, guid=guid)))
    answer = await client.get(f"/play/{token}/{odd}/{EpisodeId.of(guid, audio(2))}")
    assert answer.headers["location"] == audio(2)


async def test_a_strange_address_is_sent_as_ascii(
    client: httpx.AsyncClient, server: FeedServer, token: str, odd: FeedId
) -> None:
    url = "https://cdn.example.com/\u00fc \u00f1&#13;&#10;Set-Cookie: a=b.mp3"
    server.answer("/odd.xml", body=feed_xml("Odd", item_xml(1, 1, url=url)))
    answer = await client.get(f"/play/{token}/{odd}/{EpisodeId.of('ep-1', None)}")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("https://cdn.example.com/%C3%BC%20%C3%B1")
    assert "set-cookie" not in answer.headers


# Tokens


@pytest.mark.parametrize("path", ["/rss/{}/subscriptions", "/rss/{}/playlists/queue", "/play/{}/{feed}/{item}"])
async def test_a_bad_token_opens_nothing(
    client: httpx.AsyncClient, relay: Relay, token: str, odd: FeedId, server: FeedServer, path: str
) -> None:
    def url(shown: str) -> str:
        return path.format(shown, feed=odd, item=item(1))

    assert (await client.get(url("balados_wrong"))).status_code == 401
    weak = await token_for(relay, ["user.likes.read"], "a.weak.app")
    assert (await client.get(url(weak))).status_code == 403
    account = relay.database.read(lambda connection: find_account(connection, "Ada"))
    assert account is not None
    await relay.accounts.revoke_app(account.id, "a.player")
    assert (await client.get(url(token))).status_code == 401
    assert server.requests == []


@pytest.mark.parametrize(("feed", "episode"), [("***", "YWJj"), ("ok", "***"), ("ok", "%20")])
async def test_a_link_that_cannot_be_read_is_a_bad_request(
    client: httpx.AsyncClient, token: str, odd: FeedId, feed: str, episode: str
) -> None:
    answer = await client.get(f"/play/{token}/{odd if feed == 'ok' else feed}/{episode}")
    assert answer.status_code == 400


async def test_a_feed_within_is_not_fetched(client: httpx.AsyncClient, token: str) -> None:
    answer = await client.get(f"/play/{token}/{FeedId.of('http://10.0.0.1/feed.xml')}/{item(1)}")
    assert answer.status_code == 403


async def test_links_are_not_followed_without_end(client: httpx.AsyncClient, token: str, odd: FeedId) -> None:
    statuses = [(await client.get(f"/play/{token}/{odd}/{item(1)}")).status_code for _ in range(61)]
    assert statuses == [302] * 60 + [429]
    statuses = [(await client.get(f"/rss/{token}/subscriptions")).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
