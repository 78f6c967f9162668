"""Feeds for those who ask the relay for them: fetched within bounds, once for all who want them, and kept for a while.

Law: a feed is fetched at most once at a time and at most once in five minutes, however many ask. Whatever goes wrong
comes out as a Problem, 403 or 502, that names no address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from balados_relay.feeds.bounds import Bounds
from balados_relay.feeds.cache import FRESH, Cache, Kept
from balados_relay.feeds.resolve import Resolve, Resolver
from balados_relay.feeds.shared_work import Shared
from balados_shared import problems
from balados_shared.errors import BaladosError
from balados_shared.feeds.errors import FeedUnavailable, FeedUnparseable, NotAFeed, Trouble
from balados_shared.feeds.fetch import Fetcher, Limits
from balados_shared.feeds.types import FeedDocument, ParsedFeed
from balados_shared.feeds.worker import ParseWorker
from balados_shared.http.metadata import Metadata
from balados_shared.ids import FeedId
from balados_shared.problems import Problem

if TYPE_CHECKING:
    from balados_relay.feeds.pinned import PinnedTransport

LIMITS = Limits(connect=3, read=5, overall=10, body=10 * 1024 * 1024)
AT_ONCE = 16
"""Feeds that are fetched at a time: each may hold megabytes, and a socket."""
PARSE_SECONDS = 5.0
"""One feed is read at a time, and those behind it wait."""


class RelayFeeds:
    """The feeds that this relay fetches for its callers. `clock` gives milliseconds."""

    def __init__(
        self,
        bounds: Bounds,
        clock: Callable[[], int],
        *,
        resolve: Resolve | None = None,
        limits: Limits = LIMITS,
        cache: Cache | None = None,
    ) -> None:
        self._bounds = bounds
        self._clock = clock
        self._limits = limits
        self._resolver = Resolver()
        self._resolve = resolve or self._resolver
        self._fetcher = Fetcher(limits, self._transport)
        self._worker = ParseWorker(limit=PARSE_SECONDS)
        self._cache = cache or Cache()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._fetching = Shared[Kept]()
        self._reading = Shared[ParsedFeed]()

    async def close(self) -> None:
        """Stop fetching."""
        await self._fetching.cancel()
        await self._reading.cancel()
        await self._fetcher.close()
        await self._worker.close()
        self._resolver.close()

    async def document(self, feed: FeedId) -> FeedDocument:
        """Return a feed as its server sent it. Raises Problem: 403 for an address out of bounds, 502."""
        try:
            return (await self._kept(feed.url)).document
        except BaladosError as error:
            raise _problem(error) from None

    async def parsed(self, feed: FeedId) -> ParsedFeed:
        """Return a feed, read. Raises Problem: 403 for an address out of bounds, 502."""
        try:
            kept = await self._kept(feed.url)
            return kept.parsed or await self._reading.of(feed.url, lambda: self._read(feed.url, kept))
        except BaladosError as error:
            raise _problem(error) from None

    async def metadata(self, feed: FeedId) -> Metadata:
        """Return what a feed says of itself. Raises Problem as `parsed` does."""
        return Metadata.of(await self.parsed(feed))

    async def _kept(self, url: str) -> Kept:
        known = self._cache.get(url)
        if known is not None and self._clock() - known.fetched_at < FRESH:
            return known
        return await self._fetching.of(url, lambda: self._fetch(url, known))

    async def _fetch(self, url: str, known: Kept | None) -> Kept:
        """Fetch a feed, or hear that the one we know still stands."""
        etag, last_modified = (known.document.etag, known.document.last_modified) if known else (None, None)
        try:
            # Waiting for a turn counts too: whoever asked will not wait longer for that reason.
            async with asyncio.timeout(self._limits.overall), self._turns:
                document = await self._fetcher.fetch(url, etag=etag, last_modified=last_modified)
        except TimeoutError:
            raise FeedUnavailable(Trouble.UNREACHABLE, "The feed's server does not answer in time.") from None
        now = self._clock()
        kept = replace(known, fetched_at=now) if known and document.not_modified else Kept(document, now)
        self._cache.put(url, kept)
        return kept

    async def _read(self, url: str, kept: Kept) -> ParsedFeed:
        if kept.unreadable is not None:
            raise NotAFeed(kept.unreadable)
        try:
            kept.parsed = await self._worker.parse(kept.document)
        except (NotAFeed, FeedUnparseable) as error:
            kept.unreadable = str(error)
            raise
        if self._cache.get(url) is kept:
            self._cache.put(url, kept)  # it has grown
        return kept.parsed

    def _transport(self) -> PinnedTransport:
        from balados_relay.feeds.pinned import PinnedTransport  # and with it httpx: see `Fetcher`

        return PinnedTransport(self._bounds, self._resolve)


def _problem(error: BaladosError) -> Problem:
    if isinstance(error, FeedUnavailable) and error.kind in (Trouble.OFF_LIMITS, Trouble.NOT_A_URL):
        return problems.forbidden("This address may not be fetched")
    return Problem(502, "BAD_GATEWAY", str(error))
