"""What a feed says of itself: the same answer from a relay, which fetches, and from a daemon, which remembers."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from balados_daemon.app import create_app as create_daemon_app
from balados_relay.app import create_app
from balados_relay.storage.accounts import Grant, add_grant
from balados_shared.ids import FeedId
from balados_shared.tokens import new_key, public_pem
from support.apps import App
from support.feed_server import FeedServer
from support.fetching import fetching_relay
from support.loopback import Clock, client_of, open_daemon_at
from support.strategies import NOON

FEED = b"""<?xml version="1.0"?><rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel>
<title>T</title><description>About it</description><link>https://example.com/</link><language>en</language>
<itunes:author>Ada</itunes:author><itunes:image href="https://example.com/t.png"/>
<item><guid>1</guid></item><item><guid>2</guid></item></channel></rss>"""
SAID = {
    "title": "T",
    "description": "About it",
    "author": "Ada",
    "cover": {"src": "https://example.com/t.png", "srcset": None},
    "language": "en",
    "episodes_count": 2,
    "link": "https://example.com/",
}
NOTHING = {"description": None, "author": None, "cover": None, "language": None, "link": None}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this machine stands between a test and its servers."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        server.answer("/feed.xml", body=FEED)
        server.answer("/bare.xml", body=b"<rss version='2.0'><channel><title>B</title></channel></rss>")
        server.answer("/page.html", body=b"<html>hello</html>")
        yield server


async def check(client: httpx.AsyncClient, server: FeedServer, headers: dict[str, str]) -> None:
    async def ask(path: str) -> httpx.Response:
        feed = FeedId.of(server.url(path))
        return await client.get(f"/api/v1/subscriptions/{feed}/metadata", headers=headers)

    assert (await ask("/feed.xml")).json() == {"metadata": SAID}
    assert (await ask("/bare.xml")).json() == {"metadata": {"title": "B", "episodes_count": 0, **NOTHING}}
    for path in ("/page.html", "/gone.xml"):
        answer = await ask(path)
        assert (answer.status_code, answer.json()["error"]) == (502, "BAD_GATEWAY")
    answer = await client.get("/api/v1/subscriptions/***/metadata", headers=headers)
    assert answer.status_code == 400


async def test_a_daemon_answers(tmp_path: Path, clock: Clock, server: FeedServer) -> None:
    async with open_daemon_at(tmp_path, clock) as daemon, client_of(create_daemon_app(daemon, "t"), "t") as client:
        await check(client, server, {})
        await daemon.feeds.close()


async def test_a_relay_answers_who_may_read_subscriptions(tmp_path: Path, clock: Clock, server: FeedServer) -> None:
    async with fetching_relay(tmp_path, server, clock) as relay, client_of(create_app(relay), None) as client:
        device = await App.paired(relay)
        key = new_key()
        grant = Grant(1, "a.reader", public_pem(key), "Reader", NOON, scopes="user.subscriptions.read")
        await relay.database.write(lambda connection: add_grant(connection, grant))
        reader = App(relay, "web", "a.reader", device.user_id, key)
        await check(client, server, reader.headers())
        path = f"/api/v1/subscriptions/{FeedId.of(server.url('/feed.xml'))}/metadata"
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=device.headers())).status_code == 403
