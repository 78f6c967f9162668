"""Feeds, read from the cache first: what is stale is answered at once and refreshed behind (DESIGN.md section 6)."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from msgspec.structs import replace

from balados_daemon.storage import feeds
from balados_daemon.storage.feeds import CachedEpisode, CachedFeed, short_id
from balados_shared.errors import BaladosError
from balados_shared.feeds.fetch import Fetcher
from balados_shared.feeds.types import FeedDocument, ParsedEpisode, ParsedFeed
from balados_shared.feeds.worker import ParseWorker
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.storage.database import Database
from balados_shared.times import MINUTE

FRESH = 30 * MINUTE

AT_ONCE_BEHIND = 4
"""Feeds that are read behind at a time: each may hold tens of megabytes until it is parsed."""


class Feeds:
    """The feeds of this device. `clock` gives milliseconds."""

    def __init__(self, database: Database, fetcher: Fetcher, worker: ParseWorker, clock: Callable[[], int]) -> None:
        self._database = database
        self._fetcher = fetcher
        self._worker = worker
        self._clock = clock
        self._refreshing: dict[FeedId, asyncio.Task[None]] = {}
        self._behind = asyncio.Semaphore(AT_ONCE_BEHIND)

    async def close(self) -> None:
        """Stop refreshing."""
        for task in self._refreshing.values():
            task.cancel()
        await asyncio.gather(*self._refreshing.values(), return_exceptions=True)
        await self._fetcher.close()
        await self._worker.close()

    async def listing(self, feed: FeedId, *, refresh: bool = False) -> tuple[CachedFeed, list[CachedEpisode]]:
        """Return a feed and its episodes, from the cache if it was ever read.

        Raises FeedUnavailable, NotAFeed or FeedUnparseable when it was not and cannot be read now.
        """
        known = self.known(feed)
        if known is None or refresh:
            await self.refresh(feed)
        elif self._clock() - known.fetched_at > FRESH:
            self._refresh_behind(feed)
        found = self.known(feed)
        assert found is not None
        return found, self._database.read(lambda connection: feeds.load_episodes(connection, feed))

    def known(self, feed: FeedId) -> CachedFeed | None:
        """Return what is known of a feed without asking for it."""
        return self._database.read(lambda connection: feeds.load_feed(connection, feed))

    def read_behind(self, feeds_wanted: Iterable[FeedId]) -> None:
        """Read feeds that were never read, behind whatever asks: what was subscribed to elsewhere has no title yet."""
        for feed in feeds_wanted:
            if self.known(feed) is None:
                self._refresh_behind(feed)

    async def refresh(self, feed: FeedId) -> None:
        """Read a feed now; a failure is remembered beside what was known, and raised."""
        known = self.known(feed)
        try:
            document = await self._fetcher.fetch(
                feed.url,
                etag=known.etag if known else None,
                last_modified=known.last_modified if known else None,
            )
            parsed = None if document.not_modified else await self._worker.parse(document)
        except BaladosError as error:
            if known is not None:
                await self._save(replace(known, fetched_at=self._clock(), trouble=str(error)), None)
            raise
        if parsed is not None:
            await self._save(self._cached(feed, document, parsed), _cached_episodes(feed, parsed.episodes))
        elif known is not None:
            await self._save(replace(known, fetched_at=self._clock(), trouble=None), None)

    def _refresh_behind(self, feed: FeedId) -> None:
        if feed not in self._refreshing:
            task = asyncio.create_task(self._refresh_quietly(feed))
            self._refreshing[feed] = task
            task.add_done_callback(lambda _: self._refreshing.pop(feed, None))

    async def _refresh_quietly(self, feed: FeedId) -> None:
        with suppress(BaladosError):  # remembered as the feed's trouble
            async with self._behind:
                await self.refresh(feed)

    async def _save(self, feed: CachedFeed, episodes: Sequence[CachedEpisode] | None) -> None:
        await self._database.write(lambda connection: feeds.save_feed(connection, feed, episodes))

    def _cached(self, feed: FeedId, document: FeedDocument, parsed: ParsedFeed) -> CachedFeed:
        return CachedFeed(
            feed=feed,
            title=parsed.title,
            description=parsed.description,
            link=parsed.link,
            image=parsed.image,
            author=parsed.author,
            language=parsed.language,
            etag=document.etag,
            last_modified=document.last_modified,
            fetched_at=self._clock(),
        )


def _cached_episodes(feed: FeedId, episodes: Sequence[ParsedEpisode]) -> list[CachedEpisode]:
    """Name the episodes; of two with one id the first stands."""
    named: dict[EpisodeId, CachedEpisode] = {}
    for episode in episodes:
        item = EpisodeId.of(episode.guid, episode.enclosure_url)
        named.setdefault(item, _cached_episode(feed, item, episode))
    return list(named.values())


def _cached_episode(feed: FeedId, item: EpisodeId, episode: ParsedEpisode) -> CachedEpisode:
    return CachedEpisode(
        feed=feed,
        item=item,
        short=short_id(feed, item),
        title=episode.title,
        published=episode.published,
        duration=episode.duration,
        enclosure_url=episode.enclosure_url,
        enclosure_type=episode.enclosure_type,
        link=episode.link,
        summary=episode.summary,
        image=episode.image,
    )
