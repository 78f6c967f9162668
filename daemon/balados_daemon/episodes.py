"""From what a person types to the episode that is meant."""

from sqlite3 import Connection

from msgspec import Struct

from balados_daemon.storage import feeds
from balados_daemon.storage.feeds import CachedEpisode, short_id
from balados_shared import problems
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import PlayStatus
from balados_shared.storage.database import Database
from balados_shared.storage.reader import LibraryReader


class Episode(Struct, frozen=True):
    """An episode: of which feed, its id, the short id, and its title where the feed was read."""

    feed: FeedId
    item: EpisodeId
    short: str
    title: str | None

    @property
    def key(self) -> str:
        """The key of its play status."""
        return f"{self.feed}/{self.item}"


async def find_episode(database: Database, library: LibraryReader, name: str) -> Episode:
    """Find an episode by its short id (a unique beginning is enough), its full id, or its media URL.

    Raises Problem: 404 when nothing fits, 409 AMBIGUOUS when several do.
    """
    played = await database.scan(lambda connection: _by_status(connection, library.account, name))
    found = list({(e.feed, e.item): e for e in [*played, *_by_short(database, name)]}.values())
    if not found:
        found = _by_full_id(database, library, name)
    if not found:
        raise problems.not_found("No episode has an id that begins so; see: balados episodes URL")
    if len(found) > 1:
        raise problems.conflict("AMBIGUOUS", "Several episodes have an id that begins so; type more of it")
    return found[0]


def _by_short(database: Database, name: str) -> list[Episode]:
    cached = database.read(lambda connection: feeds.find_by_short(connection, name)) if name else []
    return [_episode(episode) for episode in cached]


def _by_status(connection: Connection, account: int, name: str) -> list[Episode]:
    """Look among the episodes that were played elsewhere and whose feed was never read here."""
    statuses = feeds.played_episodes(connection, account)
    named = (Episode(FeedId(feed), EpisodeId(item), short_id(feed, item), None) for feed, item in statuses)
    return [episode for episode in named if name and episode.short.startswith(name)]


def _by_full_id(database: Database, library: LibraryReader, name: str) -> list[Episode]:
    status: PlayStatus | None = library.play_status(EpisodeId.read(name)) if name else None
    if status is None:
        return []
    feed, item = status.rss_source_feed, status.rss_source_item
    cached = database.read(lambda connection: feeds.load_episode(connection, feed, item))
    return [_episode(cached) if cached else Episode(feed, item, short_id(feed, item), None)]


def _episode(cached: CachedEpisode) -> Episode:
    return Episode(FeedId(cached.feed), EpisodeId(cached.item), cached.short, cached.title)
