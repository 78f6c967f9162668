"""What a feed says of itself, from this device's cache, for the route that the relay serves too."""

from balados_daemon.feeds.refresh import Feeds
from balados_shared.errors import BaladosError
from balados_shared.http.metadata import Cover, Metadata
from balados_shared.ids import FeedId
from balados_shared.problems import Problem


class CachedMetadata:
    """Answers from the cache; a feed that was never read is read first."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds

    async def metadata(self, feed: FeedId) -> Metadata:
        """Return what a feed says of itself. Raises Problem 502 when it cannot be read."""
        try:
            known, episodes = await self._feeds.listing(feed)
        except Problem:
            raise
        except BaladosError as error:
            raise Problem(502, "BAD_GATEWAY", str(error)) from None
        return Metadata(
            title=known.title or None,
            description=known.description,
            author=known.author,
            cover=Cover(known.image) if known.image else None,
            language=known.language,
            episodes_count=len(episodes),
            link=known.link,
        )
