"""A player's WebSocket: the documented messages of protocol sheet section 6, and ours behind `subscribe`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from balados_daemon.app import Daemon, create_app
from balados_shared.edit import subscribe
from balados_shared.wire import encode_json
from support.elsewhere import answer, feed, play, subscription
from support.loopback import TOKEN, serving
from support.strategies import FEED, ITEM, OTHER_FEED


class Player:
    """A program that speaks JSON over a WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = msgspec.json.decode(await self.socket.recv())
        return message

    async def say(self, *, type: str, **fields: Any) -> dict[str, Any]:
        """Send a message and return the reply."""
        return await self.send(encode_json({"type": type} | fields).decode())

    async def send(self, frame: str | bytes) -> dict[str, Any]:
        await self.socket.send(frame)
        return await self.hear()

    async def error(self, *, type: str, **fields: Any) -> str:
        """Send a message that is wrong and return the code of the reply."""
        return code(await self.say(type=type, **fields))


def code(reply: dict[str, Any]) -> str:
    assert reply["status"] == "error"
    assert reply["error"]["message"]
    return str(reply["error"]["code"])


@asynccontextmanager
async def open_socket(daemon: Daemon) -> AsyncIterator[Player]:
    async with (
        serving(create_app(daemon, TOKEN)) as url,
        connect(url.replace("http", "ws") + "/api/v1/live", proxy=None) as socket,
    ):
        yield Player(socket)


@pytest.fixture
async def stranger(daemon: Daemon) -> AsyncIterator[Player]:
    """A player that has not shown its token yet."""
    async with open_socket(daemon) as player:
        assert (await player.hear())["status"] == "connected"
        yield player


@pytest.fixture
async def player(stranger: Player) -> Player:
    reply = await stranger.say(type="auth", token=TOKEN)
    assert reply["status"] == "ok"
    assert reply["message"] == "Authenticated successfully"
    assert reply["data"]["user_id"]
    return stranger


# The door


async def test_a_bad_token_may_be_followed_by_a_good_one(stranger: Player) -> None:
    assert await stranger.error(type="auth", token="wrong") == "INVALID_TOKEN"
    assert (await stranger.say(type="auth", token=TOKEN))["status"] == "ok"


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ('{"type":"record_play"}', "UNAUTHENTICATED"),
        ('{"type":"auth"}', "UNAUTHENTICATED"),
        ('{"type":"auth","token":7}', "UNAUTHENTICATED"),
        ("{", "INVALID_JSON"),
        ("[]", "INVALID_TYPE"),
        ('{"type":7}', "INVALID_TYPE"),
        (b"\x00", "INVALID_FORMAT"),
    ],
)
async def test_before_the_token_everything_has_its_error(stranger: Player, frame: str | bytes, expected: str) -> None:
    assert code(await stranger.send(frame)) == expected


async def test_after_three_bad_tries_the_connection_is_closed(stranger: Player) -> None:
    for _ in range(3):
        await stranger.error(type="auth", token="wrong")
    with pytest.raises(ConnectionClosed) as closed:
        await stranger.hear()
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4401


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ('{"type":"auth","token":"x"}', "INVALID_STATE"),
        ('{"type":"dance"}', "INVALID_TYPE"),
        ('{"type":"subscribe","cursor":"7.abc"}', "CURSOR_UNKNOWN"),
        ('{"type":"subscribe","cursor":7}', "CURSOR_UNKNOWN"),
        ("{", "INVALID_JSON"),
        (b"\x00", "INVALID_FORMAT"),
    ],
)
async def test_an_error_leaves_the_connection_open(player: Player, frame: str | bytes, expected: str) -> None:
    assert code(await player.send(frame)) == expected
    assert (await player.say(type="subscribe"))["status"] == "ok"


async def test_an_unknown_type_is_named(player: Player) -> None:
    assert (await player.say(type="dance"))["error"]["message"] == "Unknown message type: dance"


async def test_a_player_cannot_sync_with_a_daemon(player: Player) -> None:
    reply = await player.say(type="sync", id=7, device_id="x", cursor="")
    assert (reply["type"], reply["id"], reply["status"], reply["error"]["status"]) == ("sync_result", 7, "error", 400)


# Playing


async def test_a_play_is_recorded_and_answered_with_its_opid(player: Player, daemon: Daemon) -> None:
    said = {"feed": FEED, "item": ITEM, "position": 60.5, "played": False, "privacy": "private"}
    reply = await player.say(type="record_play", opid={"any": "thing"}, **said)
    assert reply == {"status": "ok", "message": "Play event recorded", "data": said, "opid": {"any": "thing"}}
    status = daemon.library.play_status(ITEM, FEED)
    assert status is not None
    assert status.position == 60.5


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"feed": None}, "MISSING_FIELDS"),
        ({"item": None}, "MISSING_FIELDS"),
        ({"feed": 7}, "INVALID_ENCODING"),
        ({"feed": "no feed!"}, "INVALID_ENCODING"),
        ({"position": -1}, "INVALID_POSITION"),
        ({"position": "60"}, "INVALID_POSITION"),
        ({"position": True}, "INVALID_POSITION"),
        ({"position": 1e300}, "INVALID_POSITION"),
        ({"played": 1}, "INVALID_PLAYED"),
        ({"privacy": "secret"}, "INVALID_PRIVACY"),
    ],
    ids=str,
)
async def test_a_bad_play_has_its_documented_code_and_its_opid(
    player: Player, daemon: Daemon, changed: dict[str, Any], expected: str
) -> None:
    reply = await player.say(type="record_play", opid=7, **({"feed": FEED, "item": ITEM, "position": 60} | changed))
    assert (code(reply), reply["opid"]) == (expected, 7)
    assert daemon.library.head().revision == 0


# Being told


async def test_a_player_is_told_what_happens_from_now_on(
    player: Player, daemon: Daemon, client: httpx.AsyncClient
) -> None:
    await daemon.library.change(subscribe(OTHER_FEED))
    start = (await player.say(type="subscribe"))["data"]["cursor"]
    await client.post("/api/v1/subscriptions", json={"rss_source_feed": FEED})
    told = await player.hear()
    assert (told["type"], told["after"]) == ("sync_update", start)
    assert [row["rss_source_feed"] for row in told["subscriptions"]] == [FEED]


async def test_a_player_is_told_what_it_missed_since_its_cursor(player: Player, daemon: Daemon) -> None:
    await daemon.library.change(subscribe(OTHER_FEED))
    seen = daemon.library.head().write()
    await daemon.library.change(subscribe(FEED))
    await player.say(type="subscribe", cursor=seen)
    told = await player.hear()
    assert [row["rss_source_feed"] for row in told["subscriptions"]] == [FEED]
    assert (told["after"], told["cursor"]) == (seen, daemon.library.head().write())


async def test_a_player_is_told_what_was_done_on_another_device(player: Player, daemon: Daemon) -> None:
    await player.say(type="subscribe")
    await daemon.library.receive(answer(play(60)))
    assert [row["position"] for row in (await player.hear())["play_statuses"]] == [60]


async def test_each_update_goes_on_where_the_last_one_ended(player: Player, daemon: Daemon) -> None:
    cursor = (await player.say(type="subscribe", cursor=""))["data"]["cursor"]
    for each in (FEED, OTHER_FEED):
        await daemon.library.change(subscribe(each))
        told = await player.hear()
        assert told["after"] == cursor
        cursor = told["cursor"]


async def test_a_long_history_comes_in_pages_in_their_order(player: Player, daemon: Daemon) -> None:
    await daemon.library.receive(answer(*(subscription(feed(number)) for number in range(1_200))))
    cursor = (await player.say(type="subscribe", cursor=""))["data"]["cursor"]
    revisions: list[int] = []
    while len(revisions) < 1_200:
        told = await player.hear()
        assert told["after"] == cursor
        cursor = told["cursor"]
        revisions += [row["revision"] for row in told["subscriptions"]]
    assert revisions == list(range(1, 1_201))


async def test_who_did_not_subscribe_is_told_nothing_but_replies(player: Player, daemon: Daemon) -> None:
    await daemon.library.change(subscribe(FEED))
    reply = await player.say(type="record_play", feed=FEED, item=ITEM)
    assert reply["status"] == "ok"
