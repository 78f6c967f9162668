"""Reading all the feeds of a merged feed: side by side, within a time, and without those that fail.

Law: what is slow or broken is left out, so that one feed never takes the others along. Only a list with nothing left
out is kept.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable

from balados_relay.feeds.cache import FRESH
from balados_relay.feeds.merge import Entry, merge
from balados_relay.feeds.rss import write_rss
from balados_relay.feeds.selection import Selection
from balados_relay.feeds.service import RelayFeeds
from balados_shared.feeds.types import ParsedFeed
from balados_shared.ids import FeedId
from balados_shared.problems import Problem

AT_ONCE = 8
"""Fewer than are fetched at a time altogether, so that others have a turn too."""
SECONDS = 25.0
MAX_KEPT = 32


class Gathering:
    """Makes merged feeds. `clock` gives milliseconds, `seconds` is for all feeds together."""

    def __init__(self, feeds: RelayFeeds, clock: Callable[[], int], *, seconds: float = SECONDS) -> None:
        self._feeds = feeds
        self._clock = clock
        self._seconds = seconds
        self._kept: OrderedDict[tuple[int, Selection], tuple[int, list[Entry]]] = OrderedDict()

    async def rss(self, account: int, selection: Selection, home: str, link: Callable[[Entry], str]) -> bytes:
        """Return somebody's selection as a feed (see `rss.write_rss`)."""
        entries = await self._entries(account, selection)
        return write_rss(selection.title, home, entries, link, self._clock())

    async def _entries(self, account: int, selection: Selection) -> list[Entry]:
        at, entries = self._kept.get((account, selection), (0, []))
        if self._clock() - at < FRESH:
            return entries
        read = await self._read(selection.feeds)
        entries = await asyncio.to_thread(merge, selection, read)
        if len(read) == len(selection.feeds):
            self._keep((account, selection), entries)
        return entries

    async def _read(self, feeds: Iterable[FeedId]) -> dict[FeedId, ParsedFeed]:
        turns, read = asyncio.Semaphore(AT_ONCE), dict[FeedId, ParsedFeed]()

        async def read_one(feed: FeedId) -> None:
            async with turns:
                try:
                    read[feed] = await self._feeds.parsed(feed)
                except Problem:
                    return

        tasks = [asyncio.create_task(read_one(feed)) for feed in feeds]
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=self._seconds)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return read

    def _keep(self, what: tuple[int, Selection], entries: list[Entry]) -> None:
        self._kept[what] = (self._clock(), entries)
        self._kept.move_to_end(what)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
