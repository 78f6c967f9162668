"""Live connections of devices at the relay: who is told what, in which order, and who is cut off."""

from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect

from balados_relay.app import Relay, create_app
from balados_shared.storage.reader import LibraryReader
from support.apps import App, Line, line_of
from support.elsewhere import feed, subscription
from support.loopback import serving, settle
from support.strategies import FEED, OTHER_FEED


@pytest.fixture
async def url(relay: Relay) -> AsyncIterator[str]:
    async with serving(create_app(relay)) as url:
        yield url


@pytest.fixture
async def phone(relay: Relay, url: str) -> AsyncIterator[Line]:
    async with line_of(await App.paired(relay), url) as line:
        yield line


@pytest.fixture
async def laptop(relay: Relay, url: str) -> AsyncIterator[Line]:
    async with line_of(await App.paired(relay, device_id="laptop"), url) as line:
        yield line


def library(relay: Relay) -> LibraryReader:
    return LibraryReader(relay.database, 1)


async def subscribe(line: Line, cursor: str = "") -> str:
    reply = await line.say(type="subscribe", cursor=cursor)
    assert reply["status"] == "ok"
    return str(reply["data"]["cursor"])


async def test_an_exchange_needs_no_request(phone: Line, relay: Relay) -> None:
    result = await phone.sync(subscription(), number=7)
    assert (result["type"], result["id"]) == ("sync_result", 7)
    assert result["cursor"] == library(relay).head().write()
    assert [s.rss_source_feed for s in library(relay).subscriptions()] == [FEED]


async def test_followers_get_updates_in_order_each_from_where_the_last_ended(phone: Line, laptop: Line) -> None:
    cursor = await subscribe(laptop)
    for number in range(5):
        await phone.sync(subscription(feed(number)))
        told = await laptop.hear()
        assert told["type"] == "sync_update"
        assert told["after"] == cursor
        assert [row["rss_source_feed"] for row in told["subscriptions"]] == [feed(number)]
        cursor = told["cursor"]


async def test_what_happened_before_the_subscription_is_told_first(phone: Line, laptop: Line) -> None:
    seen = (await phone.sync(subscription(FEED)))["cursor"]
    await phone.sync(subscription(OTHER_FEED), cursor=seen)
    await subscribe(laptop, seen)
    told = await laptop.hear()
    assert (told["after"], [row["rss_source_feed"] for row in told["subscriptions"]]) == (seen, [OTHER_FEED])


async def test_ones_own_push_is_not_echoed(phone: Line, laptop: Line) -> None:
    await subscribe(phone)
    cursor = (await phone.sync(subscription(FEED)))["cursor"]
    await laptop.sync(subscription(OTHER_FEED))
    told = await phone.hear()
    assert [row["rss_source_feed"] for row in told["subscriptions"]] == [OTHER_FEED]
    assert told["after"] == cursor, "it goes on where the answer ended"


async def test_who_did_not_subscribe_is_told_nothing(phone: Line, laptop: Line) -> None:
    await phone.sync(subscription(FEED))
    await settle()
    assert (await laptop.say(type="dance"))["status"] == "error"


async def test_a_cursor_of_another_history_is_an_error_and_the_line_stays_open(phone: Line) -> None:
    reply = await phone.say(type="subscribe", cursor="1.another")
    assert reply["error"]["code"] == "CURSOR_UNKNOWN"
    result = await phone.sync(subscription(), cursor="1.another", number=3)
    assert (result["type"], result["id"], result["status"]) == ("sync_result", 3, "error")
    assert (result["error"]["code"], result["error"]["status"]) == ("CURSOR_UNKNOWN", 409)
    assert "cursor" in await phone.sync(subscription())


async def test_a_message_that_is_no_exchange_is_refused_with_its_number(phone: Line) -> None:
    result = await phone.say(type="sync", id=9, cursor=7)
    assert (result["id"], result["status"], result["error"]["status"]) == (9, "error", 400)


async def test_a_device_that_may_only_sync_cannot_record_a_play(phone: Line, relay: Relay) -> None:
    reply = await phone.say(type="record_play", feed=FEED, item="x", position=1, opid=5)
    assert (reply["error"]["code"], reply["opid"]) == ("INVALID_TOKEN", 5)
    assert library(relay).head().revision == 0


async def test_a_second_connection_of_a_device_replaces_the_first(phone: Line, url: str) -> None:
    async with line_of(phone.app, url) as second:
        assert "cursor" in await phone.sync()
        assert "cursor" in await second.sync(subscription())
        assert await phone.close_code() == 4409


async def test_devices_of_one_account_stand_side_by_side(phone: Line, laptop: Line) -> None:
    assert "cursor" in await phone.sync()
    assert "cursor" in await laptop.sync()


async def test_a_revoked_device_is_cut_off_at_once_and_the_others_stay(
    phone: Line, laptop: Line, relay: Relay, url: str
) -> None:
    await relay.accounts.revoke("Ada", "Phone")
    assert await phone.close_code() == 4401
    assert "cursor" in await laptop.sync()
    with pytest.raises(AssertionError):
        async with line_of(phone.app, url):
            pytest.fail("a revoked key was let in")


async def test_an_account_that_goes_is_cut_off_whole(phone: Line, laptop: Line, relay: Relay, url: str) -> None:
    async with line_of(await App.paired(relay, "Bob", "bobs"), url) as stranger:
        relay.connections.cut_off(1)
        assert await phone.close_code() == await laptop.close_code() == 4401
        assert "cursor" in await stranger.sync()


async def test_a_token_opens_one_connection(relay: Relay, url: str) -> None:
    app = await App.paired(relay)
    token = app.token()
    replies = []
    for _ in range(2):
        async with connect(url.replace("http", "ws") + "/api/v1/live", proxy=None) as socket:
            line = Line(socket, app)
            await line.hear()
            replies.append((await line.say(type="auth", token=token))["status"])
    assert replies == ["ok", "error"]


async def test_a_follower_of_another_account_hears_nothing(phone: Line, relay: Relay, url: str) -> None:
    async with line_of(await App.paired(relay, "Bob", "bobs"), url) as stranger:
        await subscribe(stranger)
        await phone.sync(subscription(FEED))
        await settle()
        assert (await stranger.say(type="dance"))["status"] == "error", "nothing came before this reply"


async def test_a_burst_reaches_a_follower_whole_and_in_order(phone: Line, laptop: Line) -> None:
    cursor = await subscribe(laptop)
    for number in range(30):
        await phone.sync(subscription(feed(number)), cursor="")
    told: list[str] = []
    while len(told) < 30:
        update = await laptop.hear()
        assert update["after"] == cursor
        cursor = update["cursor"]
        told += [row["rss_source_feed"] for row in update["subscriptions"]]
    assert told == [feed(number) for number in range(30)]
