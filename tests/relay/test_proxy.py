"""The feed proxy through the relay's whole app, with real servers behind it."""

import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from balados_relay.app import Relay, create_app
from balados_shared.ids import EpisodeId, FeedId
from support.apps import App
from support.feed_server import FeedServer
from support.fetching import fetching_relay
from support.loopback import Clock, client_of
from support.visitors import PASSWORD, visiting

AUDIO = "https://cdn.example.com/a/0001.mp3"
FEED = (
    '<?xml version="1.0"?><rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel>'
    "<title>T</title><description>About</description><link>https://example.com/</link><language>en</language>"
    '<itunes:author>Ada</itunes:author><itunes:image href="https://example.com/t.png"/>'
    f'<item><guid>ep-0001</guid><enclosure url="{AUDIO}" type="audio/mpeg" length="1"/></item></channel></rss>'
).encode()
ITEM = EpisodeId.of("ep-0001", AUDIO)
PROXY = "/api/v1/rss/proxy"


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        server.answer("/feed.xml", headers={"Content-Type": "text/xml"}, body=FEED)
        yield server


@pytest.fixture
async def relay(tmp_path: Path, server: FeedServer, clock: Clock) -> AsyncIterator[Relay]:
    async with fetching_relay(tmp_path, server, clock, proxy="everybody") as relay:
        yield relay


@pytest.fixture
async def client(relay: Relay) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(relay), None) as client:
        yield client


@pytest.fixture
def feed(server: FeedServer) -> FeedId:
    return FeedId.of(server.url("/feed.xml"))


def forms(url: str) -> list[str]:
    """A URL in all ways that ids are encoded, fit for a path."""
    raw = url.encode()
    encoded = [base64.urlsafe_b64encode(raw), base64.b64encode(raw)]
    texts = [each.decode() for each in encoded]
    return [quote(text, safe="") for text in texts + [text.rstrip("=") for text in texts]]


async def test_a_feed_is_handed_on_byte_by_byte(client: httpx.AsyncClient, feed: FeedId) -> None:
    answer = await client.get(f"{PROXY}/{feed}")
    assert answer.status_code == 200
    assert answer.content == FEED
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "Content-Type"
    assert answer.headers["cache-control"] == "public, max-age=300"


async def test_a_browser_runs_nothing_of_it(client: httpx.AsyncClient, feed: FeedId) -> None:
    answer = await client.get(f"{PROXY}/{feed}")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_every_encoding_of_an_id_is_read(client: httpx.AsyncClient, server: FeedServer) -> None:
    # The query makes the standard alphabet write both a plus and a slash.
    path = "/f.xml?a=>>>???~~~"
    server.answer("/f.xml", body=FEED)
    encoded = forms(server.url(path))
    assert any("%2F" in form for form in encoded)
    for form in encoded:
        assert (await client.get(f"{PROXY}/{form}")).content == FEED


async def test_nothing_of_the_request_is_handed_on(client: httpx.AsyncClient, server: FeedServer, feed: FeedId) -> None:
    await client.get(f"{PROXY}/{feed}", headers={"Authorization": "Bearer secret", "Cookie": "a=b"})
    (request,) = server.requests
    assert not {"authorization", "cookie"} & request.headers.keys()


async def test_the_whole_feed_is_handed_on_if_it_has_the_episode(client: httpx.AsyncClient, feed: FeedId) -> None:
    guid_alone = base64.urlsafe_b64encode(b"ep-0001,").decode()
    for item in (ITEM, ITEM + "==", guid_alone, "ep-0001"):
        answer = await client.get(f"{PROXY}/{feed}/{item}")
        assert (answer.status_code, answer.content) == (200, FEED)
    for item in (EpisodeId.of("nope", AUDIO), EpisodeId.of("ep-0001", "https://cdn.example.com/other.mp3"), "nope"):
        assert (await client.get(f"{PROXY}/{feed}/{item}")).status_code == 404


@pytest.mark.parametrize("name", ["***", "YWJj", "%00", "a/b/c", "%F0%9F", ""])
async def test_what_is_no_id_is_refused(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"{PROXY}/{name}")).status_code in (400, 404)


async def test_an_upstream_failure_is_a_bad_gateway(client: httpx.AsyncClient, server: FeedServer) -> None:
    server.answer("/busy.xml", status=503)
    answer = await client.get(f"{PROXY}/{FeedId.of(server.url('/busy.xml'))}")
    assert (answer.status_code, answer.json()["error"]) == (502, "BAD_GATEWAY")
    assert answer.headers["access-control-allow-origin"] == "*", "a page may read why"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/feed", "http://169.254.169.254/", "http://10.0.0.1/"])
async def test_an_address_within_is_refused(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.get(f"{PROXY}/{FeedId.of(url)}")
    assert answer.status_code == 403
    assert answer.json()["error"] == "FORBIDDEN"
    assert answer.json()["message"] == "This address may not be fetched"


async def test_browsers_may_ask_first(client: httpx.AsyncClient, feed: FeedId) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    for path in (f"{PROXY}/{feed}", f"{PROXY}/{feed}/{ITEM}"):
        answer = await client.options(path, headers=asked)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Authorization" in answer.headers["access-control-allow-headers"]


async def test_a_stranger_may_not_fetch_without_end(client: httpx.AsyncClient, feed: FeedId) -> None:
    statuses = [(await client.get(f"{PROXY}/{feed}")).status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]


# Whom it serves


@pytest.fixture
async def members(tmp_path: Path, server: FeedServer, clock: Clock) -> AsyncIterator[Relay]:
    """A relay that was told nothing of whom it serves."""
    async with fetching_relay(tmp_path / "members", server, clock) as relay:
        yield relay


async def test_by_default_only_members_are_served(members: Relay, feed: FeedId, server: FeedServer) -> None:
    app = await App.paired(members)
    async with client_of(create_app(members), None) as client:
        assert (await client.get(f"{PROXY}/{feed}")).status_code == 401
        assert (await client.get(f"{PROXY}/{feed}", headers={"Authorization": "Bearer x.y.z"})).status_code == 401
        assert server.requests == []
        assert (await client.options(f"{PROXY}/{feed}")).status_code == 204
        answer = await client.get(f"{PROXY}/{feed}", headers=app.headers())
        assert answer.content == FEED
        assert answer.headers["cache-control"] == "private, max-age=300"


async def test_who_is_logged_in_is_a_member(members: Relay, feed: FeedId) -> None:
    await members.people.make_owner("ada", PASSWORD)
    async with visiting(members) as ada:
        await ada.log_in()
        assert (await ada.look(f"{PROXY}/{feed}")).content == FEED


async def test_a_proxy_that_is_off_serves_nobody(
    tmp_path: Path, server: FeedServer, clock: Clock, feed: FeedId
) -> None:
    async with fetching_relay(tmp_path, server, clock, proxy="off") as relay:
        app = await App.paired(relay)
        async with client_of(create_app(relay), None) as client:
            assert (await client.get(f"{PROXY}/{feed}", headers=app.headers())).status_code == 403
    assert server.requests == []
