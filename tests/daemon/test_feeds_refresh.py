"""Feeds are read from the cache first; what is stale is refreshed behind. Against a real web server on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from balados_daemon.app import Daemon
from balados_daemon.feeds.refresh import FRESH
from balados_daemon.storage.feeds import CachedEpisode, CachedFeed
from balados_shared.feeds.errors import FeedUnavailable, NotAFeed
from balados_shared.ids import FeedId
from support.feed_server import FeedServer
from support.loopback import Clock, settle, until

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>{title}</title>{items}</channel></rss>"""
ITEM = """<item><guid>{guid}</guid><title>{guid}</title><enclosure url="https://example.com/{guid}.mp3"/></item>"""


def rss(title: str, *guids: str) -> str:
    return RSS.format(title=title, items="".join(ITEM.format(guid=guid) for guid in guids))


class Podcast:
    """A feed on the test's server that the test can rewrite."""

    def __init__(self, server: FeedServer, folder: Path) -> None:
        self.server = server
        self.id = FeedId.of(server.url("/feed.xml"))
        self._file = folder / "feed.xml"

    def publish(self, title: str, *guids: str) -> None:
        self._file.write_text(rss(title, *guids))

    @property
    def asked(self) -> int:
        """How often it was asked for."""
        return len(self.server.requests)


@pytest.fixture
def podcast(tmp_path: Path) -> Iterator[Podcast]:
    folder = tmp_path / "web"
    folder.mkdir()
    with FeedServer(folder) as server:
        podcast = Podcast(server, folder)
        podcast.publish("Night Owl", "two", "one")
        yield podcast


async def listing(daemon: Daemon, podcast: Podcast, *, refresh: bool = False) -> tuple[CachedFeed, list[CachedEpisode]]:
    return await daemon.feeds.listing(podcast.id, refresh=refresh)


def titles(episodes: list[CachedEpisode]) -> list[str | None]:
    return [episode.title for episode in episodes]


async def test_a_feed_that_was_never_read_is_read_now(daemon: Daemon, podcast: Podcast) -> None:
    feed, episodes = await listing(daemon, podcast)
    assert feed.title == "Night Owl"
    assert titles(episodes) == ["two", "one"]


async def test_while_it_is_fresh_the_cache_answers_alone(daemon: Daemon, podcast: Podcast, clock: Clock) -> None:
    await listing(daemon, podcast)
    clock.now += FRESH
    await listing(daemon, podcast)
    await settle()
    assert podcast.asked == 1


async def test_a_stale_feed_is_answered_at_once_and_refreshed_behind(
    daemon: Daemon, podcast: Podcast, clock: Clock
) -> None:
    await listing(daemon, podcast)
    podcast.publish("Night Owl", "three", "two", "one")
    clock.now += FRESH + 1
    _, episodes = await listing(daemon, podcast)
    assert titles(episodes) == ["two", "one"]
    await until(lambda: (known := daemon.feeds.known(podcast.id)) is not None and known.fetched_at == clock.now)
    _, episodes = await listing(daemon, podcast)
    assert titles(episodes) == ["three", "two", "one"]


async def test_a_stale_feed_is_refreshed_once_however_many_look(daemon: Daemon, podcast: Podcast, clock: Clock) -> None:
    await listing(daemon, podcast)
    podcast.server.hold("/feed.xml", body=rss("Night Owl", "one").encode())
    clock.now += FRESH + 1
    for _ in range(5):
        await listing(daemon, podcast)
    await until(lambda: podcast.asked == 2)
    podcast.server.release()
    await until(lambda: (known := daemon.feeds.known(podcast.id)) is not None and known.fetched_at == clock.now)
    assert podcast.asked == 2


async def test_asking_for_a_refresh_waits_for_it(daemon: Daemon, podcast: Podcast) -> None:
    await listing(daemon, podcast)
    podcast.publish("Night Owl", "three", "two", "one")
    _, episodes = await listing(daemon, podcast, refresh=True)
    assert titles(episodes) == ["three", "two", "one"]


async def test_an_unchanged_feed_costs_a_304_and_counts_as_read(daemon: Daemon, podcast: Podcast, clock: Clock) -> None:
    first, episodes = await listing(daemon, podcast)
    clock.now += FRESH + 1
    again, same = await listing(daemon, podcast, refresh=True)
    assert podcast.server.requests[1].headers["if-none-match"] == first.etag
    assert (again.fetched_at, again.title, same) == (clock.now, "Night Owl", episodes)


async def test_an_episode_that_left_the_feed_is_kept_behind_the_others(daemon: Daemon, podcast: Podcast) -> None:
    await listing(daemon, podcast)
    podcast.publish("Night Owl", "three", "two")
    _, episodes = await listing(daemon, podcast, refresh=True)
    assert titles(episodes) == ["three", "two", "one"]


async def test_a_failure_is_told_and_remembered_beside_what_was_known(
    daemon: Daemon, podcast: Podcast, clock: Clock
) -> None:
    await listing(daemon, podcast)
    podcast.server.answer("/feed.xml", status=503)
    with pytest.raises(FeedUnavailable):
        await listing(daemon, podcast, refresh=True)
    feed, episodes = await listing(daemon, podcast)
    assert feed.trouble
    assert (feed.title, titles(episodes)) == ("Night Owl", ["two", "one"])


async def test_a_failure_behind_is_quiet_and_a_success_after_it_forgets_it(
    daemon: Daemon, podcast: Podcast, clock: Clock
) -> None:
    await listing(daemon, podcast)
    podcast.server.answer("/feed.xml", body=b"<html>no feed</html>")
    clock.now += FRESH + 1
    await listing(daemon, podcast)
    await until(lambda: (known := daemon.feeds.known(podcast.id)) is not None and known.trouble is not None)
    podcast.server.answer("/feed.xml", body=rss("Night Owl", "one").encode())
    feed, _ = await listing(daemon, podcast, refresh=True)
    assert feed.trouble is None


async def test_a_first_read_that_fails_says_why_and_leaves_nothing(daemon: Daemon, podcast: Podcast) -> None:
    podcast.server.answer("/feed.xml", body=b"<html>no feed</html>")
    with pytest.raises(NotAFeed):
        await listing(daemon, podcast)
    assert daemon.feeds.known(podcast.id) is None


async def test_looking_at_a_feed_is_no_news(daemon: Daemon, podcast: Podcast) -> None:
    await listing(daemon, podcast)
    await listing(daemon, podcast, refresh=True)
    assert daemon.library.subscriptions() == []
    assert daemon.library.head().revision == 0
