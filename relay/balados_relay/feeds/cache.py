"""What was fetched, for a few minutes and within a few megabytes.

Law: what is kept is counted in bytes; what was not used for the longest goes first. It keeps no failures to fetch.
"""

from collections import OrderedDict

from msgspec import Struct

from balados_shared.feeds.types import FeedDocument, ParsedFeed
from balados_shared.times import MINUTE

FRESH = 5 * MINUTE
MAX_BYTES = 32 * 1024 * 1024

ENTRY = 1_000
"""What an entry takes beside the feed, in bytes."""
EPISODE = 2_000
"""What an episode takes in memory, in bytes, roughly: a dozen short texts."""


class Kept(Struct):
    """A feed as it was fetched, when (milliseconds), and read, once somebody wanted that, or why that failed."""

    document: FeedDocument
    fetched_at: int
    parsed: ParsedFeed | None = None
    unreadable: str | None = None

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        episodes = len(self.parsed.episodes) if self.parsed else 0
        return ENTRY + len(self.document.body) + EPISODE * episodes


class Cache:
    """Feeds by URL."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, tuple[Kept, int]] = OrderedDict()
        self.bytes = 0
        """What all of it takes now."""

    def get(self, url: str) -> Kept | None:
        """Return what is kept under a URL, fresh or not."""
        found = self._kept.get(url)
        if found is None:
            return None
        self._kept.move_to_end(url)
        return found[0]

    def put(self, url: str, kept: Kept) -> None:
        """Keep a feed, also one that has grown meanwhile; the longest unused make room."""
        self._drop(url)
        self._kept[url] = (kept, kept.size)
        self.bytes += kept.size
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, url: str) -> None:
        _, size = self._kept.pop(url, (None, 0))
        self.bytes -= size
