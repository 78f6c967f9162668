"""Many feeds become one list of episodes. Pure (protocol sheet, section 7.3)."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from balados_relay.feeds.find import find_episode
from balados_relay.feeds.selection import Selection
from balados_shared.feeds.types import ParsedEpisode, ParsedFeed
from balados_shared.ids import FeedId

NEWEST = 100


class Entry(Struct, frozen=True):
    """An episode, and the podcast that it is from."""

    feed: FeedId
    podcast: str
    episode: ParsedEpisode


def merge(selection: Selection, feeds: Mapping[FeedId, ParsedFeed]) -> list[Entry]:
    """Return what can be played: a playlist's episodes in its order, else the newest ones first.

    `feeds` are those that could be read. An episode without a date stands behind all others.
    """
    if selection.episodes is not None:
        return list(_listed(selection, feeds))
    entries = [
        _entry(feed, feeds[feed], episode)
        for feed in selection.feeds
        if feed in feeds
        for episode in [each for each in feeds[feed].episodes if each.enclosure_url][:NEWEST]
    ]
    entries.sort(key=lambda entry: -1 if entry.episode.published is None else entry.episode.published, reverse=True)
    return entries[:NEWEST]


def _listed(selection: Selection, feeds: Mapping[FeedId, ParsedFeed]) -> Iterator[Entry]:
    for feed, item in selection.episodes or ():
        episode = find_episode(feeds[feed], item) if feed in feeds else None
        if episode is not None and episode.enclosure_url:
            yield _entry(feed, feeds[feed], episode)


def _entry(feed: FeedId, parsed: ParsedFeed, episode: ParsedEpisode) -> Entry:
    return Entry(feed, parsed.title or "Unknown Podcast", episode)
