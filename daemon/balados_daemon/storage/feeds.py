"""The feed cache: what feeds said when they were last read. Cache, not news: nothing of it is ever synced."""

from collections.abc import Sequence
from hashlib import sha256
from sqlite3 import Connection

from msgspec import Struct

from balados_shared.ids import EpisodeId, FeedId

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_SHORT = 8


class CachedFeed(Struct, frozen=True, kw_only=True):
    """A feed as it was last read. Times are milliseconds since 1970."""

    feed: FeedId
    title: str | None = None
    description: str | None = None
    link: str | None = None
    image: str | None = None
    author: str | None = None
    language: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    fetched_at: int
    trouble: str | None = None


class CachedEpisode(Struct, frozen=True, kw_only=True):
    """An episode as its feed tells it. `short` is the id that people type, `duration` is in seconds."""

    feed: FeedId
    item: EpisodeId
    short: str
    title: str | None = None
    published: int | None = None
    duration: float | None = None
    enclosure_url: str | None = None
    enclosure_type: str | None = None
    link: str | None = None
    summary: str | None = None
    image: str | None = None


def short_id(feed: str, item: str) -> str:
    """Return the short id of an episode: eight letters and digits that cannot be misread, the same on every device."""
    digest = sha256(f"{feed}/{item}".encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:_SHORT])


def load_feed(connection: Connection, feed: str) -> CachedFeed | None:
    """Return what is known of a feed."""
    names = CachedFeed.__struct_fields__
    row = connection.execute(f"SELECT {', '.join(names)} FROM feeds WHERE feed = ?", (feed,)).fetchone()
    return CachedFeed(**dict(zip(names, row, strict=True))) if row else None


def titles(connection: Connection) -> dict[str, str]:
    """Return the titles of all feeds that were read, by feed id."""
    return dict(connection.execute("SELECT feed, title FROM feeds WHERE title IS NOT NULL"))


def save_feed(connection: Connection, feed: CachedFeed, episodes: Sequence[CachedEpisode] | None) -> None:
    """Remember a feed, and its episodes if it told them. Those that left the feed are kept, behind the others."""
    names = CachedFeed.__struct_fields__
    sets = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    connection.execute(
        f"INSERT INTO feeds ({', '.join(names)}) VALUES ({_places(names)}) ON CONFLICT DO UPDATE SET {sets}",
        tuple(getattr(feed, name) for name in names),
    )
    if episodes is not None:
        connection.execute("UPDATE episodes SET place = place + ? WHERE feed = ?", (len(episodes), feed.feed))
        _save_episodes(connection, episodes)


def _save_episodes(connection: Connection, episodes: Sequence[CachedEpisode]) -> None:
    names = CachedEpisode.__struct_fields__
    sql = f"INSERT OR REPLACE INTO episodes ({', '.join(names)}, place) VALUES ({_places((*names, 'place'))})"
    rows = [(*(getattr(e, name) for name in names), place) for place, e in enumerate(episodes)]
    connection.executemany(sql, rows)


def load_episodes(connection: Connection, feed: str) -> list[CachedEpisode]:
    """Return the episodes of a feed, in its order."""
    return _episodes(connection, "feed = ? ORDER BY place", (feed,))


def load_episode(connection: Connection, feed: str, item: str) -> CachedEpisode | None:
    """Return one episode, if its feed was read."""
    return next(iter(_episodes(connection, "feed = ? AND item = ?", (feed, item))), None)


def find_by_short(connection: Connection, beginning: str) -> list[CachedEpisode]:
    """Return the episodes whose short id begins so, at most a few."""
    return _episodes(connection, "short >= ? AND short < ? LIMIT 5", (beginning, beginning + "~"))


def _episodes(connection: Connection, where: str, arguments: tuple[object, ...]) -> list[CachedEpisode]:
    names = CachedEpisode.__struct_fields__
    rows = connection.execute(f"SELECT {', '.join(names)} FROM episodes WHERE {where}", arguments)
    return [CachedEpisode(**dict(zip(names, row, strict=True))) for row in rows]


def _places(names: Sequence[str]) -> str:
    return ", ".join("?" * len(names))


def played_episodes(connection: Connection, account: int) -> list[tuple[str, str]]:
    """Return (feed, episode) of every play status."""
    rows = connection.execute("SELECT key FROM records WHERE account = ? AND kind = 'play_status'", (account,))
    return [(feed, item) for (key,) in rows for feed, _, item in [key.partition("/")]]
