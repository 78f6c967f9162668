"""From what a person types to the episode that is meant."""

import pytest

from balados_daemon.app import Daemon
from balados_daemon.episodes import Episode
from balados_daemon.storage import feeds
from balados_daemon.storage.feeds import CachedEpisode, CachedFeed, short_id
from balados_shared.edit import progress
from balados_shared.errors import InvalidInput
from balados_shared.ids import EpisodeId
from balados_shared.problems import Problem
from support.strategies import FEED, ITEM, NOON, OTHER_FEED, OTHER_ITEM

SHORT = short_id(FEED, ITEM)


async def read(daemon: Daemon, *episodes: CachedEpisode) -> None:
    """Fill the feed cache, as reading the feed does."""
    cached = CachedFeed(feed=FEED, title="A feed", fetched_at=NOON)
    await daemon.database.write(lambda connection: feeds.save_feed(connection, cached, episodes))


def cached(item: EpisodeId = ITEM, short: str = SHORT) -> CachedEpisode:
    return CachedEpisode(feed=FEED, item=item, short=short, title="The first")


async def find(daemon: Daemon, name: str) -> Episode:
    return await daemon.device.find_episode(name)


async def problem_of(daemon: Daemon, name: str) -> tuple[int, str]:
    with pytest.raises(Problem) as problem:
        await find(daemon, name)
    return problem.value.status, problem.value.code


@pytest.mark.parametrize("letters", [8, 5, 1])
async def test_a_unique_beginning_of_the_short_id_is_enough(daemon: Daemon, letters: int) -> None:
    await read(daemon, cached())
    assert await find(daemon, SHORT[:letters]) == Episode(FEED, ITEM, SHORT, "The first")


async def test_several_that_begin_so_are_not_guessed_among(daemon: Daemon) -> None:
    await read(daemon, cached(short="abcdefgh"), cached(OTHER_ITEM, "abcdefgj"))
    assert await problem_of(daemon, "abcdefg") == (409, "AMBIGUOUS")
    assert (await find(daemon, "abcdefgj")).item == OTHER_ITEM


async def test_what_was_played_elsewhere_is_found_though_its_feed_was_never_read(daemon: Daemon) -> None:
    await daemon.library.change(progress(FEED, ITEM, position=60))
    assert await find(daemon, SHORT[:6]) == Episode(FEED, ITEM, SHORT, None)


async def test_the_full_id_and_the_media_url_name_what_was_played(daemon: Daemon) -> None:
    by_url = EpisodeId.read("https://example.com/1.mp3")
    await daemon.library.change(progress(FEED, ITEM, position=60))
    await daemon.library.change(progress(OTHER_FEED, by_url, position=60))
    assert (await find(daemon, ITEM)).item == ITEM
    assert (await find(daemon, "https://example.com/1.mp3")).feed == OTHER_FEED


async def test_a_full_id_comes_with_the_title_where_the_feed_was_read(daemon: Daemon) -> None:
    await read(daemon, cached(short="zzzzzzzz"))
    await daemon.library.change(progress(FEED, ITEM, position=60))
    assert (await find(daemon, ITEM)).title == "The first"


@pytest.mark.parametrize("name", ["zzzzzzzz", "", "%", "~", "https://example.com/nothing.mp3", "ä" * 500])
async def test_what_names_nothing_is_not_found(daemon: Daemon, name: str) -> None:
    await read(daemon, cached(short="abcdefgh"))
    assert await problem_of(daemon, name) == (404, "NOT_FOUND")


async def test_what_cannot_be_typed_is_invalid(daemon: Daemon) -> None:
    with pytest.raises(InvalidInput):
        await find(daemon, "ab\x00cd")


def test_a_short_id_is_the_same_on_every_device_and_cannot_be_misread() -> None:
    assert short_id(FEED, ITEM) == SHORT
    assert len(SHORT) == 8
    assert not set(SHORT) & set("0o1il")
    assert short_id(FEED, ITEM) != short_id(FEED, OTHER_ITEM) != short_id(OTHER_FEED, OTHER_ITEM)
