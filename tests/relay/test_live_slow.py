"""Listeners that stop reading, vanish, or come back after a gap; and those beside them, who must not notice."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from balados_relay.app import Relay, create_app
from balados_shared.http import server, websockets
from balados_shared.record import Record
from support.apps import App, Line, line_of
from support.elsewhere import feed, subscription
from support.loopback import serving, until

LONG = "a long title " * 1_500
CHANGES, EACH = 60, 10
"""Updates that are together more than the buffers between two sockets hold, and the records in each."""


@pytest.fixture
async def url(relay: Relay) -> AsyncIterator[str]:
    async with serving(create_app(relay)) as url:
        yield url


@asynccontextmanager
async def follower(relay: Relay, url: str, device_id: str, cursor: str = "") -> AsyncIterator[ClientConnection]:
    """A device that follows the library, and whose socket takes only as much as its reader asks for."""
    app = await App.paired(relay, device_id=device_id)
    options: dict[str, Any] = {"proxy": None, "max_queue": 1, "max_size": None, "ping_interval": None}
    options["close_timeout"] = 0.1
    async with connect(url.replace("http", "ws") + "/api/v1/live", **options) as socket:
        line = Line(socket, app)
        await line.hear()
        await line.say(type="auth", token=app.token())
        assert (await line.say(type="subscribe", cursor=cursor))["status"] == "ok"
        yield socket


def batch(number: int) -> list[Record]:
    """The records of one of the changes."""
    return [subscription(feed(number * EACH + index), title=LONG) for index in range(EACH)]


async def test_a_listener_that_stops_reading_delays_nobody_is_dropped_and_resumes(
    relay: Relay, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websockets, "SEND_SECONDS", 0.05)
    async with (
        line_of(await App.paired(relay), url) as writer,
        follower(relay, url, "slow") as slow,
        follower(relay, url, "quick") as quick,
    ):
        longest, cursor = 0.0, ""
        for number in range(CHANGES):
            begun = time.perf_counter()
            cursor = (await writer.sync(*batch(number), cursor=cursor))["cursor"]
            told = msgspec.json.decode(await quick.recv())
            longest = max(longest, time.perf_counter() - begun)
            assert told["cursor"] == cursor
        assert longest < 1, "seconds until the quick one is told"
        await until(lambda: len(relay.connections) == 2)  # the slow one is not waited for any more
        heard, closed = await everything_of(slow)
        assert closed.rcvd is not None
        assert (closed.rcvd.code, closed.rcvd.reason) == (4408, "too slow; catch up by pull")
        assert 0 < len(heard) < CHANGES
        async with follower(relay, url, "slow", heard[-1]["cursor"]) as again:
            while heard[-1]["cursor"] != cursor:
                heard.append(msgspec.json.decode(await again.recv()))
    told_in_all = [row["rss_source_feed"] for update in heard for row in update["subscriptions"]]
    assert told_in_all == [feed(number) for number in range(CHANGES * EACH)]


async def everything_of(socket: ClientConnection) -> tuple[list[dict[str, Any]], ConnectionClosed]:
    """Read a socket to its end."""
    heard: list[dict[str, Any]] = []
    try:
        while True:
            heard.append(msgspec.json.decode(await socket.recv()))
    except ConnectionClosed as closed:
        return heard, closed


async def test_a_revoked_device_that_does_not_read_is_let_go_all_the_same(
    relay: Relay, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websockets, "CLOSE_SECONDS", 0.05)
    async with (
        line_of(await App.paired(relay), url) as writer,
        follower(relay, url, "slow"),
    ):
        cursor = ""
        for number in range(CHANGES):
            cursor = (await writer.sync(*batch(number), cursor=cursor))["cursor"]
        assert len(relay.connections) == 2
        await relay.accounts.revoke("Ada", "Slow")
        await until(lambda: len(relay.connections) == 1)


async def test_who_answers_no_ping_is_dropped(relay: Relay, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STRANGERS_PING", 0.02)
    monkeypatch.setattr(server, "PONG_SECONDS", 0.02)
    async with serving(create_app(relay)) as here:
        host, port = here.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        async with asyncio.timeout(5):
            said = await reader.read()
        assert b"keepalive ping timeout" in said
        writer.close()


async def test_after_a_gap_a_listener_gets_everything_since_its_cursor(relay: Relay, url: str) -> None:
    async with line_of(await App.paired(relay), url) as writer:
        seen = (await writer.sync(*(subscription(feed(number)) for number in range(3))))["cursor"]
        await writer.sync(*(subscription(feed(number)) for number in range(3, 700)), cursor=seen)
        async with line_of(await App.paired(relay, device_id="laptop"), url) as back:
            assert (await back.say(type="subscribe", cursor=seen))["status"] == "ok"
            told: list[str] = []
            while len(told) < 697:
                update = await back.hear()
                assert update["after"] == seen
                seen = update["cursor"]
                told += [row["rss_source_feed"] for row in update["subscriptions"]]
    assert told == [feed(number) for number in range(3, 700)]


async def test_an_unknown_cursor_is_told_to_pull_and_may_try_again(relay: Relay, url: str) -> None:
    async with line_of(await App.paired(relay), url) as device:
        reply = await device.say(type="subscribe", cursor="9.another")
        assert reply["error"]["code"] == "CURSOR_UNKNOWN"
        assert "pull" in reply["error"]["message"]
        assert (await device.say(type="subscribe", cursor=""))["status"] == "ok"
