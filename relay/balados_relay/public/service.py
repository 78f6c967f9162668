"""What everybody is shown, read from the libraries every few minutes.

Law: a change of anybody's privacy shows in the very next answer. What was read is kept for five minutes, and only for
as long as nobody has changed theirs since. It is read in a thread, and of each library only the newest part.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from sqlite3 import Connection

from msgspec import Struct

from balados_relay.public.popularity import Act, Count, Popularity
from balados_relay.public.timeline import Event, visible
from balados_relay.public.visibility import PRIVATE, level_of
from balados_relay.storage import public as storage
from balados_relay.storage.public import Told
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.storage.database import Database
from balados_shared.times import DAY, MINUTE

FRESH = 5 * MINUTE

MAX_LIBRARIES = 200
MAX_LINES = 2_000
MAX_OF_A_KIND = {"subscription": 500, "play_status": 2_000, "like": 500, "playlist_item": 500}
MAX_SHARES = 500

_WHATS = {"subscription": "subscribe", "play_status": "play", "like": "like", "playlist_item": "save"}


class Popular(Struct, frozen=True):
    """A feed or one of its episodes, with what is known of it. An episode's titles are its feed's."""

    feed: FeedId
    item: EpisodeId | None
    count: Count
    told: Told


class Seen(Struct, frozen=True):
    """What everybody may see. `stamp` tells whether somebody's privacy has changed since; `at` is when it was read."""

    stamp: tuple[int, ...]
    at: int
    popularity: Popularity
    told: Mapping[str, Told]
    events: list[Event]

    def podcasts(self, limit: int) -> list[Popular]:
        """Return the feeds that trend."""
        found = sorted(self.popularity.feeds.items(), key=lambda each: each[1].rank, reverse=True)
        return [self._popular(feed, None, count) for feed, count in found[:limit]]

    def episodes(self, limit: int, of: FeedId | None) -> list[Popular]:
        """Return the episodes that trend, of all feeds or of one."""
        found = [each for each in self.popularity.episodes.items() if of in (None, each[0][0])]
        found.sort(key=lambda each: each[1].rank, reverse=True)
        return [self._popular(feed, item, count) for (feed, item), count in found[:limit]]

    def podcast(self, feed: FeedId) -> Popular | None:
        """Return how popular a feed is, if anything of it may be shown."""
        count = self.popularity.feeds.get(feed)
        return self._popular(feed, None, count) if count else None

    def episode(self, item: EpisodeId) -> Popular | None:
        """Return how popular an episode is; should two feeds have it, in the one where it is more so."""
        found = [each for each in self.popularity.episodes.items() if each[0][1] == item]
        if not found:
            return None
        (feed, _), count = max(found, key=lambda each: each[1].score)
        return self._popular(feed, item, count)

    def _popular(self, feed: FeedId, item: EpisodeId | None, count: Count) -> Popular:
        return Popular(feed, item, count, self.told.get(feed, Told(feed, None, None)))


class Public:
    """The public side of a relay; of one that has none, nothing is ever read. `clock` gives milliseconds."""

    def __init__(self, database: Database, clock: Callable[[], int], *, shown: bool) -> None:
        self._database = database
        self._clock = clock
        self._shown = shown
        self._seen: Seen | None = None
        self._reading = asyncio.Lock()

    async def look(self) -> Seen | None:
        """Return what everybody may see now; None where the relay shows nothing."""
        if not self._shown:
            return None
        async with self._reading:
            if self._seen is None or not self._holds(self._seen):
                now = self._clock()
                self._seen = await self._database.scan(lambda connection: _read(connection, now))
            return self._seen

    async def share(self, account: int, feed: FeedId, item: EpisodeId) -> None:
        """Remember that somebody shared an episode; it counts once."""
        now = self._clock()
        await self._database.write(lambda connection: storage.add_share(connection, account, feed, item, now))

    def _holds(self, seen: Seen) -> bool:
        return self._clock() < seen.at + FRESH and self._database.read(storage.privacy_stamp) == seen.stamp


def _read(connection: Connection, now: int) -> Seen:
    """Read it all at one moment of the database."""
    accounts = [reader.account for reader in storage.readers(connection, MAX_LIBRARIES)]
    levels = {account: storage.privacy_levels(connection, account) for account in accounts}
    acts = [act for account in accounts for act in _acts(connection, account, levels[account])]
    popularity = Popularity(acts, now - DAY)
    events = visible(storage.happened(connection, MAX_LINES), levels)
    return Seen(
        stamp=storage.privacy_stamp(connection),
        at=now,
        popularity=popularity,
        told=_told(connection, levels),
        events=[event for event in events if not popularity.is_hidden(event.feed)],
    )


def _acts(connection: Connection, account: int, levels: Mapping[str, str]) -> Iterator[Act]:
    for act in _all_acts(connection, account):
        if level_of(levels, act.feed, act.item) != PRIVATE:
            yield act


def _all_acts(connection: Connection, account: int) -> Iterator[Act]:
    for kind, limit in MAX_OF_A_KIND.items():
        for deed in storage.deeds(connection, account, kind, limit):
            key = deed.key.partition("/")[2] if kind == "playlist_item" else deed.key
            feed, _, item = key.partition("/")
            yield Act(account, _WHATS[kind], FeedId(feed), item, deed.time, deed.arrived)
    for share in storage.shares(connection, account, MAX_SHARES):
        yield Act(account, "share", FeedId(share.feed), share.item, share.shared, share.shared)


def _told(connection: Connection, levels: Mapping[int, Mapping[str, str]]) -> dict[str, Told]:
    """Return what feeds are called, by those who show that they follow them; the first who says it is believed."""
    found: dict[str, Told] = {}
    for account, of_account in levels.items():
        for told in storage.told(connection, account, MAX_OF_A_KIND["subscription"]):
            if told.title and level_of(of_account, told.feed) != PRIVATE:
                found.setdefault(told.feed, told)
    return found
