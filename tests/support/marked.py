"""An account that can be recognised: marks in every record and every row that a relay keeps of it.

What others may know or guess (feeds, ids) bears one mark, what only its owner may read another.
"""

import base64
from collections.abc import Iterator
from sqlite3 import Connection
from typing import Any

from balados_shared import kinds
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Value
from balados_shared.record import Head, Record
from balados_shared.storage.checkpoints import KEPT, fold
from balados_shared.storage.library import Library
from balados_shared.times import DAY, LATEST, Instant
from support.strategies import NOON

NAME = "nameOfYpsilon"
SECRET = "secretOfYpsilon"
SECONDS = 7_654_321.0
"""A position that nobody else is at."""

URL = f"https://feeds.example/{NAME}.xml"
FEED = FeedId.of(URL)
SECRET_FEED = FeedId.of(f"https://feeds.example/feed.xml?token={SECRET}")
GUID = f"guid-{NAME}"
ITEM = EpisodeId.of(GUID, f"https://media.example/{NAME}.mp3")
PLAYLIST = f"playlist-{NAME}"
COLLECTION = f"collection-{NAME}"
EPISODE: dict[str, Any] = {"rss_source_feed": FEED, "rss_source_item": ITEM}
AT = Instant(NOON)
SAID: dict[str, Any] = {"updated_at": AT, "extra": {"later_field": SECRET}}

VALUES: tuple[Value, ...] = (
    kinds.Subscription(
        rss_source_feed=FEED, subscribed_at=AT, title=SECRET, image=SECRET, extra={"later_field": SECRET}
    ),
    kinds.Subscription(rss_source_feed=SECRET_FEED, subscribed_at=AT, title=SECRET),
    kinds.PlayStatus(**EPISODE, **SAID, position=SECONDS, duration=SECONDS, played=False),
    kinds.Like(**EPISODE, liked_at=AT, extra={"later_field": SECRET}),
    kinds.Like(rss_source_feed=FEED, liked_at=AT, extra={"later_field": SECRET}),
    kinds.Playlist(id=PLAYLIST, name=SECRET, description=SECRET, created_at=AT, **SAID),
    kinds.Playlist(id="queue", name=SECRET, type="queue", created_at=AT, **SAID),
    kinds.PlaylistItem(playlist_id=PLAYLIST, **EPISODE, rank="V", item_title=SECRET, added_at=AT, **SAID),
    kinds.Collection(id=COLLECTION, title=SECRET, description=SECRET, color=SECRET, **SAID),
    kinds.CollectionFeed(collection_id=COLLECTION, rss_source_feed=FEED, rank="V", added_at=AT, **SAID),
    kinds.Privacy(rss_source_feed=FEED, privacy="private", **SAID),
    kinds.Preference(rss_source_feed=FEED, name="speed", value=SECRET, **SAID),
    kinds.Alias(**EPISODE, same_as=EpisodeId.of(SECRET, None), **SAID),
    kinds.FeedMove(rss_source_feed=FEED, moved_to=SECRET_FEED, **SAID),
    kinds.Listen(**EPISODE, device_id=SECRET, started_at=AT, ended_at=AT, from_=0, to=SECONDS, speed=1),
)

NOT_OF_A_RELAY = {"queue", "held"}
WITHOUT_ACCOUNTS = {"_sqlite_migrations", "deletions"}


def fill(connection: Connection, account: int, app_id: str) -> None:
    """Give an account a library with every kind of record, and a row in every table that keeps something of it."""
    with Library(connection, account) as library:
        for number, value in enumerate(VALUES, 1):
            library.join(Record.of([Head("device-of-y", number, value)], {SECRET: number}), now=NOON)
    fold(connection, account, now=NOON + KEPT + DAY, limit=4)
    for table, columns in sorted(_tables(connection).items()):
        if "account" in columns and table not in NOT_OF_A_RELAY | WITHOUT_ACCOUNTS:
            found = connection.execute(f"SELECT 1 FROM {table} WHERE account = ?", (account,)).fetchone()
            if found is None:
                _add_row(connection, table, account, app_id)


def rows_of(connection: Connection, account: int) -> dict[str, list[Any]]:
    """Return everything that is kept of an account, by table. Fails for a table that does not say whose it is."""
    found = {}
    for table, columns in _tables(connection).items():
        whose = {
            "account" in columns: "account = ?",
            "record" in columns: "record IN (SELECT id FROM records WHERE account = ?)",
            table == "accounts": "id = ?",
        }
        if table not in WITHOUT_ACCOUNTS:
            found[table] = connection.execute(f"SELECT * FROM {table} WHERE {whose[True]}", (account,)).fetchall()
    return found


def forms(mark: str) -> Iterator[str]:
    """Yield a mark as it can stand in an answer: plain, and inside base64, which has three ways to cut it."""
    yield mark
    for shift in range(3):
        coded = base64.urlsafe_b64encode(b"\0" * shift + mark.encode()).decode().rstrip("=")
        # What shares bits with its neighbours is left off.
        yield coded[(shift * 8 + 5) // 6 : (shift + len(mark)) * 8 // 6]


def _tables(connection: Connection) -> dict[str, list[str]]:
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")
    return {
        name: [column[1] for column in connection.execute(f"PRAGMA table_info({name})")] for (name,) in names.fetchall()
    }


def _add_row(connection: Connection, table: str, account: int, app_id: str) -> None:
    """Add a row whose texts are secret and that never expires."""
    known = {"account": account, "app_id": app_id}
    row: dict[str, Any] = {}
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    for _, name, kind, _, _, part_of_key in columns:
        if (kind, part_of_key) == ("INTEGER", 1) and sum(bool(column[5]) for column in columns) == 1:
            continue  # its number, which SQLite gives
        plain = {"TEXT": f"{SECRET} {name}", "BLOB": f"{SECRET} {name}".encode(), "INTEGER": LATEST, "REAL": SECONDS}
        row[name] = known.get(name, None if name in ("used_at", "revoked_at") else plain[kind])
    places = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", tuple(row.values()))
