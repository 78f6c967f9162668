"""The engine with a real relay behind a real socket: what it sends, when, over which line, and that it never dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from balados_daemon.app import Daemon
from balados_daemon.storage import device as device_storage
from balados_daemon.storage.device import ACCOUNT
from balados_daemon.sync.line import RelayRefused
from balados_relay.app import Relay, create_app
from balados_shared.edit import Edit, progress, subscribe, unsubscribe
from balados_shared.http.access import Pace
from balados_shared.ids import FeedId
from balados_shared.storage.errors import DiskFull
from balados_shared.storage.reader import LibraryReader
from balados_shared.times import HOUR, SECOND
from support.loopback import Clock, Recorder, open_daemon_at, open_relay_at, serving, settle, until
from support.strategies import FEED, ITEM, OTHER_FEED

LIBRARY = 1
"""The one account of the relay."""


@dataclass
class Home:
    """A relay, its door, and the requests that came through it."""

    relay: Relay
    recorder: Recorder
    url: str

    @property
    def library(self) -> LibraryReader:
        return LibraryReader(self.relay.database, LIBRARY)

    async def pair(self, daemon: Daemon) -> None:
        await daemon.device.pair(self.url, await self.relay.accounts.invite("Ada"))
        await until(lambda: daemon.engine.live and in_step(daemon))
        await settle()

    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])


@asynccontextmanager
async def home_at(folder: Path, clock: Clock) -> AsyncIterator[Home]:
    async with open_relay_at(folder, clock) as relay:
        recorder = Recorder(create_app(relay))
        async with serving(recorder) as url:
            yield Home(relay, recorder, url)


@asynccontextmanager
async def running_at(folder: Path, clock: Clock, name: str = "Phone") -> AsyncIterator[Daemon]:
    async with open_daemon_at(folder, clock, name) as daemon, daemon.running():
        yield daemon


@asynccontextmanager
async def two_devices(folder: Path, clock: Clock) -> AsyncIterator[tuple[Home, Daemon, Daemon]]:
    async with (
        home_at(folder, clock) as home,
        running_at(folder, clock) as phone,
        running_at(folder, clock, "Laptop") as laptop,
    ):
        yield home, phone, laptop


def in_step(daemon: Daemon) -> bool:
    relay = daemon.membership.relay
    return relay is not None and relay.synced_at is not None and relay.trouble is None and not daemon.library.waiting()


def listen_at(position: float) -> Edit:
    return progress(FEED, ITEM, position=position)


def position_at(library: LibraryReader) -> float | None:
    status = library.play_status(ITEM, FEED)
    return status.position if status else None


def feeds_of(library: LibraryReader) -> set[FeedId]:
    return {subscription.rss_source_feed for subscription in library.subscriptions()}


async def test_once_live_a_change_needs_no_new_request(tmp_path: Path, clock: Clock) -> None:
    async with home_at(tmp_path, clock) as home, running_at(tmp_path, clock) as daemon:
        await home.pair(daemon)
        before = list(home.recorder.seen)
        await daemon.library.change(subscribe(FEED))
        await until(lambda: feeds_of(home.library) == {FEED} and in_step(daemon))
        assert home.recorder.seen == before
        assert before.count("LIVE") == 1


async def test_another_device_is_told_without_asking(tmp_path: Path, clock: Clock) -> None:
    async with two_devices(tmp_path, clock) as (home, phone, laptop):
        await home.pair(phone)
        await home.pair(laptop)
        before = list(home.recorder.seen)
        await phone.library.change(subscribe(FEED))
        await until(lambda: feeds_of(laptop.library) == {FEED})
        assert home.recorder.seen == before


async def test_what_was_there_before_the_pairing_is_sent_and_fetched(tmp_path: Path, clock: Clock) -> None:
    async with two_devices(tmp_path, clock) as (home, phone, laptop):
        await phone.library.change(subscribe(FEED))
        await laptop.library.change(subscribe(OTHER_FEED))
        await home.pair(phone)
        await home.pair(laptop)
        await until(lambda: feeds_of(phone.library) == feeds_of(laptop.library) == {FEED, OTHER_FEED})


async def test_a_playing_episode_is_reported_every_thirty_seconds_and_not_sooner(tmp_path: Path, clock: Clock) -> None:
    async with home_at(tmp_path, clock) as home, running_at(tmp_path, clock) as daemon:
        await home.pair(daemon)
        for second in range(0, 30, 5):
            await daemon.library.change(listen_at(100 + second), Pace.PLAYING)
            clock.now += 5 * SECOND
        clock.now -= 1
        daemon.library.on_change()
        await settle()
        assert position_at(home.library) is None
        clock.now += 1
        daemon.library.on_change()
        await until(lambda: position_at(home.library) == 125)
        assert home.library.head().revision == 1, "one message for all six reports"


async def test_a_pause_is_told_at_once(tmp_path: Path, clock: Clock) -> None:
    async with home_at(tmp_path, clock) as home, running_at(tmp_path, clock) as daemon:
        await home.pair(daemon)
        await daemon.library.change(listen_at(100), Pace.PLAYING)
        clock.now += SECOND
        await daemon.library.change(listen_at(101), Pace.AT_ONCE)
        await until(lambda: position_at(home.library) == 101)


async def test_asking_for_a_round_also_sends_what_is_still_gathered(tmp_path: Path, clock: Clock) -> None:
    async with home_at(tmp_path, clock) as home, running_at(tmp_path, clock) as daemon:
        await home.pair(daemon)
        await daemon.library.change(listen_at(100), Pace.PLAYING)
        assert (await daemon.engine.sync_now()).taken == 1
        assert position_at(home.library) == 100


async def test_a_quarter_of_an_hour_without_news_brings_a_round(tmp_path: Path, clock: Clock) -> None:
    async with home_at(tmp_path, clock) as home, running_at(tmp_path, clock) as daemon:
        await home.pair(daemon)
        first = synced_at(daemon)
        clock.now += 15 * 60 * SECOND
        daemon.library.on_change()
        await until(lambda: synced_at(daemon) == first + 15 * 60 * SECOND)


def synced_at(daemon: Daemon) -> int:
    relay = daemon.membership.relay
    assert relay is not None
    return relay.synced_at or 0


async def test_it_connects_again_when_the_relay_is_back_and_sends_what_was_made_meanwhile(
    tmp_path: Path, clock: Clock
) -> None:
    async with open_relay_at(tmp_path, clock) as relay, running_at(tmp_path, clock) as daemon:
        async with serving(create_app(relay)) as url:
            home = Home(relay, Recorder(create_app(relay)), url)
            await home.pair(daemon)
        await until(lambda: not daemon.engine.live)
        await daemon.library.change(subscribe(FEED))
        await until(lambda: not in_step(daemon))
        async with serving(create_app(relay), home.port()):
            await until(lambda: daemon.engine.live and in_step(daemon), 10)
            assert feeds_of(home.library) == {FEED}


async def test_an_update_that_does_not_follow_on_what_is_here_brings_a_round(tmp_path: Path, clock: Clock) -> None:
    async with two_devices(tmp_path, clock) as (home, phone, laptop):
        await home.pair(phone)
        await home.pair(laptop)
        await laptop.library.change(subscribe(FEED))
        await until(lambda: feeds_of(phone.library) == {FEED})
        await set_cursor(phone, "")
        await laptop.library.change(subscribe(OTHER_FEED))
        await until(lambda: feeds_of(phone.library) == {FEED, OTHER_FEED} and cursor(phone) == cursor(laptop))


def cursor(daemon: Daemon) -> str:
    relay = daemon.membership.relay
    return relay.cursor if relay else ""


async def set_cursor(daemon: Daemon, cursor: str) -> None:
    """Lose a message, as seen from the daemon."""
    relay = daemon.membership.relay
    assert relay is not None
    changed = replace(relay, cursor=cursor)
    await daemon.database.write(lambda connection: device_storage.save_relay(connection, ACCOUNT, changed))


async def test_a_revoked_device_says_so_and_keeps_its_changes(tmp_path: Path, clock: Clock) -> None:
    async with home_at(tmp_path, clock) as home, running_at(tmp_path, clock) as daemon:
        await home.pair(daemon)
        await home.relay.accounts.revoke("Ada", "Phone")
        await until(lambda: not daemon.engine.live)
        await daemon.library.change(subscribe(FEED))
        await until(lambda: (relay := daemon.device.status().relay) is not None and relay.refused)
        status = daemon.device.status()
        assert status.needs_attention
        assert status.waiting == 1
        assert feeds_of(home.library) == set()


async def test_a_full_disk_does_not_end_the_engine(tmp_path: Path, clock: Clock) -> None:
    async with two_devices(tmp_path, clock) as (home, phone, laptop):
        await home.pair(phone)
        await home.pair(laptop)
        await allow_pages(phone, 1)
        for number in range(20):
            feed = FeedId.of(f"https://example.com/{number}")
            await laptop.library.change(subscribe(feed, title="x" * 20_000))
        await until(lambda: in_step(laptop))
        with pytest.raises(DiskFull):
            await phone.engine.sync_now()
        assert cursor(phone) != cursor(laptop), "nothing was half-written"
        await allow_pages(phone, 1_000_000)
        clock.now += HOUR
        phone.library.on_change()
        await until(lambda: len(feeds_of(phone.library)) == 20 and phone.engine.live)


async def allow_pages(daemon: Daemon, pages: int) -> None:
    """Let the database grow so far and no further, as a full disk would; it never shrinks below what it has."""
    await daemon.database.write(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone())


async def test_without_a_relay_a_round_is_refused_with_what_to_do(daemon: Daemon) -> None:
    with pytest.raises(RelayRefused, match="balados pair"):
        await daemon.engine.sync_now()


async def test_an_unpaired_daemon_idles_without_waking(tmp_path: Path, clock: Clock) -> None:
    async with running_at(tmp_path, clock) as daemon:
        await daemon.library.change(subscribe(FEED))
        await daemon.library.change(unsubscribe(FEED))
        await settle()
        # The timers that asyncio will wake up for; a cancelled one is only swept away later.
        loop: Any = asyncio.get_running_loop()
        seconds = [timer.when() - loop.time() for timer in loop._scheduled if not timer.cancelled()]
        assert all(wait > 60 for wait in seconds), seconds
