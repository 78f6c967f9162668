"""Stock clients on the live connection, as protocol sheet section 6 has them: what they say, may, and how fast."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect

from balados_relay.app import Relay, create_app
from balados_relay.storage import accounts as storage
from balados_relay.storage.accounts import Grant
from balados_shared.http.flood import MESSAGES_AT_ONCE, PLAYS_PER_SECOND, REFUSALS_AT_ONCE
from balados_shared.storage.reader import LibraryReader
from balados_shared.times import SECOND
from balados_shared.tokens import new_key, public_pem
from support.apps import App, Line, line_of
from support.elsewhere import feed, subscription
from support.loopback import serving
from support.strategies import FEED, ITEM, NOON

PLAY = {"feed": FEED, "item": ITEM, "position": 60}


class Ticks:
    """Seconds that stand still until a test lets them go."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def url(relay: Relay) -> AsyncIterator[str]:
    async with serving(create_app(relay)) as url:
        yield url


@pytest.fixture
def ticks(relay: Relay) -> Ticks:
    ticks = Ticks()
    relay.room = replace(relay.room, ticks=ticks)
    return ticks


async def installed(relay: Relay, scopes: str, app_id: str = "org.example.player") -> App:
    """An app with a grant of these scopes."""
    paired = await App.paired(relay, device_id=f"beside-{app_id}")
    key = new_key()
    grant = Grant(1, app_id, public_pem(key), "Player", NOON, scopes=scopes)
    await relay.database.write(lambda connection: storage.add_grant(connection, grant))
    return App(relay, "kitchen", app_id, paired.user_id, key)


def token(app: App, **claims: Any) -> str:
    """Sign a token as the stock clients do: for an hour, without an id."""
    begun = NOON // SECOND
    dated = {"iss": app.app_id, "sub": app.user_id, "iat": begun, "exp": begun + 3_600}
    return jwt.encode(dated | claims, app.key, "EdDSA")


@asynccontextmanager
async def opened(url: str, app: App, path: str = "/api/v1/live", **options: Any) -> AsyncIterator[Line]:
    async with connect(url.replace("http", "ws") + path, proxy=None, **options) as socket:
        line = Line(socket, app)
        assert await line.hear() == {
            "status": "connected",
            "message": "Balados Sync live connection ready. Send auth message to authenticate.",
        }
        yield line


@pytest.fixture
async def player(relay: Relay, url: str) -> AsyncIterator[Line]:
    """A stock client that may record plays and nothing else."""
    app = await installed(relay, "user.plays.write")
    async with opened(url, app) as line:
        reply = await line.say(type="auth", token=token(app), device_id="kitchen-1", device_name="Kitchen")
        assert reply["data"] == {"user_id": app.user_id}
        yield line


def code(reply: dict[str, Any]) -> str:
    assert reply["status"] == "error"
    assert reply["error"]["message"]
    return str(reply["error"]["code"])


# What they say


@pytest.mark.parametrize("path", ["/api/v1/live", "/sync/api/v1/live"])
@pytest.mark.parametrize("host", ["sync.example.org", "example.org"])
async def test_it_is_there_on_both_paths_of_any_host(relay: Relay, url: str, path: str, host: str) -> None:
    app = await installed(relay, "user.plays")
    async with opened(url, app, path, additional_headers={"Host": host}) as line:
        assert (await line.say(type="auth", token=token(app)))["status"] == "ok"


async def test_a_play_is_recorded_with_its_defaults_and_answered_with_its_opid(player: Line, relay: Relay) -> None:
    reply = await player.say(type="record_play", feed=FEED, item=ITEM, opid="op-7")
    said = {"feed": FEED, "item": ITEM, "position": 0, "played": False, "privacy": None}
    assert reply == {"status": "ok", "message": "Play event recorded", "data": said, "opid": "op-7"}
    status = LibraryReader(relay.database, 1).play_status(ITEM, FEED)
    assert status is not None
    assert status.position == 0


async def test_one_token_records_many_plays(relay: Relay, url: str) -> None:
    app = await installed(relay, "user.plays.write")
    async with opened(url, app) as line:
        await line.say(type="auth", token=app.token())  # with an id, and good for one write over HTTP
        for position in (60, 90, 120):
            assert (await line.say(type="record_play", **PLAY | {"position": position}))["status"] == "ok"
    status = LibraryReader(relay.database, 1).play_status(ITEM, FEED)
    assert status is not None
    assert status.position == 120


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"item": None}, "MISSING_FIELDS"),
        ({"feed": 7}, "INVALID_ENCODING"),
        ({"position": 12.5}, "INVALID_POSITION"),
        ({"position": 12.0}, "INVALID_POSITION"),
        ({"position": -1}, "INVALID_POSITION"),
        ({"played": "yes"}, "INVALID_PLAYED"),
        ({"privacy": "secret"}, "INVALID_PRIVACY"),
    ],
    ids=str,
)
async def test_a_bad_play_has_its_documented_code(player: Line, changed: dict[str, Any], expected: str) -> None:
    reply = await player.say(type="record_play", opid=8, **PLAY | changed)
    assert (code(reply), reply["opid"]) == (expected, 8)
    reply = await player.say(type="record_play", **PLAY | changed)
    assert (code(reply), reply["opid"]) == (expected, None), "an opid that was not sent is null"


async def test_only_failures_of_a_play_have_an_opid(player: Line) -> None:
    for message in ({"type": "subscribe_all"}, {"type": "auth", "token": "x"}):
        assert "opid" not in await player.say(**message, opid=7)


async def test_who_follows_the_library_may_name_fractions(relay: Relay, url: str) -> None:
    app = await installed(relay, "*")
    async with opened(url, app) as line:
        await line.say(type="auth", token=token(app))
        assert code(await line.say(type="record_play", **PLAY | {"position": 12.5})) == "INVALID_POSITION"
        await line.say(type="subscribe")
        assert (await line.say(type="record_play", **PLAY | {"position": 12.5}))["data"]["position"] == 12.5


async def test_before_the_token_nothing_is_taken(relay: Relay, url: str) -> None:
    app = await installed(relay, "*")
    async with opened(url, app) as line:
        assert code(await line.say(type="record_play", **PLAY)) == "UNAUTHENTICATED"
        assert code(await line.say(type="auth")) == "UNAUTHENTICATED"
        assert code(await line.say(type="auth", token="a.b.c")) == "INVALID_TOKEN"
        assert await line.close_code() == 4401


# What they may


@pytest.mark.parametrize(
    ("granted", "claimed", "welcome"),
    [
        ("*", None, True),
        ("user.plays.write", None, True),
        ("user.sync", None, True),
        ("user.sync", ["user.sync"], True),
        ("user.sync", ["user.plays.write"], False),
        ("user.plays.write", ["user.plays.write", "user.likes"], True),
        ("user.plays.write", ["user.plays.read"], False),
        ("user.plays.read", None, False),
        ("user.plays.read", ["*"], False),
        ("*", [], False),
    ],
    ids=str,
)
async def test_the_grant_decides_and_a_token_can_only_ask_for_less(
    relay: Relay, url: str, granted: str, claimed: list[str] | None, welcome: bool
) -> None:
    app = await installed(relay, granted)
    async with opened(url, app) as line:
        reply = await line.say(type="auth", token=token(app, **{"scopes": claimed} if claimed is not None else {}))
        if welcome:
            assert reply["status"] == "ok"
        else:
            missing = {"code": "INVALID_TOKEN", "message": "Token does not have required scopes for play recording"}
            assert reply["error"] == missing


async def test_who_may_record_plays_may_not_follow_or_sync(player: Line) -> None:
    assert code(await player.say(type="subscribe")) == "INVALID_TOKEN"
    refused = await player.say(type="sync", id=3, **player.app.body())
    assert (refused["id"], refused["error"]["status"]) == (3, 403)


async def test_a_revoked_client_is_cut_off_at_once(player: Line, relay: Relay) -> None:
    await relay.accounts.revoke_app(1, player.app.app_id)
    assert await player.close_code() == 4401


async def test_clients_of_one_token_stand_side_by_side(relay: Relay, url: str) -> None:
    app = await installed(relay, "user.plays.write")
    signed = token(app)
    async with opened(url, app) as one, opened(url, app) as other:
        for line in (one, other):
            assert (await line.say(type="auth", token=signed))["status"] == "ok"
        for line in (one, other):
            assert (await line.say(type="record_play", **PLAY))["status"] == "ok"


# How fast


async def test_too_many_messages_are_refused_unread(ticks: Ticks, player: Line) -> None:
    for _ in range(MESSAGES_AT_ONCE - 1):  # `auth` was the first
        assert code(await player.say(type="dance")) == "INVALID_TYPE"
    await player.socket.send("{")
    refused = await player.hear()
    assert code(refused) == "CONNECTION_RATE_LIMITED"
    assert "opid" not in refused
    ticks.now += 0.1
    assert (await player.say(type="record_play", **PLAY))["status"] == "ok"


async def test_who_goes_on_flooding_is_ended(ticks: Ticks, player: Line) -> None:
    for _ in range(MESSAGES_AT_ONCE + REFUSALS_AT_ONCE + 1):
        await player.socket.send("{")
    assert await player.close_code() == 4429


async def test_a_person_records_ten_plays_a_second_over_all_connections(
    ticks: Ticks, player: Line, relay: Relay, url: str
) -> None:
    app = await installed(relay, "user.plays.write", "org.example.other")
    async with opened(url, app) as other:
        await other.say(type="auth", token=token(app))
        for number in range(PLAYS_PER_SECOND):
            assert (await (player, other)[number % 2].say(type="record_play", **PLAY))["status"] == "ok"
        refused = await other.say(type="record_play", opid=9, **PLAY)
        assert (code(refused), refused["opid"]) == ("PLAY_RATE_LIMITED", 9)
        ticks.now += 1
        assert (await other.say(type="record_play", **PLAY))["status"] == "ok"


async def test_a_long_burst_of_a_device_is_answered_whole(ticks: Ticks, relay: Relay, url: str) -> None:
    async with line_of(await App.paired(relay), url) as device:
        cursor = ""
        for number in range(10 * MESSAGES_AT_ONCE):
            answer = await device.sync(subscription(feed(number)), cursor=cursor, number=number)
            cursor = answer["cursor"]
    assert LibraryReader(relay.database, 1).head().revision == 10 * MESSAGES_AT_ONCE
