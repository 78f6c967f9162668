"""How requests name an episode: by its feed and its id, or, as upstream allows, by its id alone."""

from balados_shared import problems
from balados_shared.http.access import LibraryAccess
from balados_shared.ids import EpisodeId, FeedId


def named_episode(library: LibraryAccess, feed: str | None, item: str) -> tuple[FeedId, EpisodeId]:
    """Return an episode's ids; without its feed the newest match is meant (DESIGN.md section 3). Raises Problem 404."""
    if feed:
        named = FeedId.read(feed)
        return named, EpisodeId.read(item, named)
    status = library.play_status(EpisodeId.read(item))
    if status is None:
        raise problems.not_found("Nothing is known of this episode yet; say its feed too (rss_source_feed)")
    return status.rss_source_feed, status.rss_source_item
