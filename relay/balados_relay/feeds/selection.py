"""What a merged feed is made of: everything that somebody follows, one of their collections, or a playlist."""

from msgspec import Struct

from balados_shared import problems
from balados_shared.default_collection import default_collection, is_default
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Collection, CollectionFeed, Playlist, PlaylistItem, key_of
from balados_shared.storage.reader import LibraryReader
from balados_shared.wishes import sorted_items

MAX_FEEDS = 300
MAX_ITEMS = 500

Episode = tuple[FeedId, EpisodeId]


class Selection(Struct, frozen=True):
    """A title, the feeds to read, and for a playlist its episodes in order."""

    title: str
    feeds: tuple[FeedId, ...]
    episodes: tuple[Episode, ...] | None = None


def of_subscriptions(library: LibraryReader) -> Selection:
    """Select all that is followed, the newest subscriptions if there are very many."""
    return Selection("My Subscriptions", _followed(library)[:MAX_FEEDS])


def of_collection(library: LibraryReader, user_id: str, name: str) -> Selection:
    """Select the feeds of a collection that are followed. Raises Problem 404."""
    stored = library.values(Collection)
    default = default_collection(user_id, stored, library.subscriptions())
    if name == default.id or any(each.id == name and is_default(each, user_id) for each in stored):
        return Selection(default.title, _followed(library)[:MAX_FEEDS])
    collection = next((each for each in stored if each.id == name), None)
    if collection is None:
        raise problems.not_found("Collection not found")
    parent = key_of(Collection, {"id": name})
    followed = set(_followed(library))
    feeds = (each.rss_source_feed for each in sorted_items(library.values(CollectionFeed, parent)))
    return Selection(collection.title, tuple(feed for feed in feeds if feed in followed)[:MAX_FEEDS])


def of_playlist(library: LibraryReader, name: str) -> Selection:
    """Select the episodes of a playlist. Raises Problem 404."""
    playlist = library.value(Playlist, key_of(Playlist, {"id": name}))
    if playlist is None or not playlist.present:
        raise problems.not_found("Playlist not found")
    items = sorted_items(library.values(PlaylistItem, playlist.key))[:MAX_ITEMS]
    episodes = tuple((each.rss_source_feed, each.rss_source_item) for each in items)
    feeds = tuple(dict.fromkeys(feed for feed, _ in episodes))
    return Selection(playlist.name, feeds[:MAX_FEEDS], episodes)


def _followed(library: LibraryReader) -> tuple[FeedId, ...]:
    return tuple(subscription.rss_source_feed for subscription in library.subscriptions())
