"""What is shown to everybody is read here: whose privacy says what, and what was done of late.

Each question is bounded and goes along an index. Times are milliseconds since 1970. Nothing here judges what may be
seen.
"""

from sqlite3 import Connection
from typing import NamedTuple

from balados_shared.kinds import PlaylistItem, Value
from balados_shared.rules import value_of
from balados_shared.storage.rows import read_row

_SAVED = "AND key >= 'saved/' AND key < 'saved0'"
"""The items of the playlist `saved`. A zero is the character after a slash."""


class Reader(NamedTuple):
    """An account whose library counts."""

    account: int
    user_id: str


class Deed(NamedTuple):
    """A record that counts: its kind and key, when it was made so, and when that arrived."""

    kind: str
    key: str
    time: int
    arrived: int


class Told(NamedTuple):
    """A feed's title and picture, as a subscription tells them."""

    feed: str
    title: str | None
    image: str | None


class Happened(NamedTuple):
    """A line of the log, with what the record said before, if it was there, and after."""

    seq: int
    user_id: str
    account: int
    time: int
    before: Value | None
    after: Value


class Share(NamedTuple):
    """An episode that was shared."""

    feed: str
    item: str
    shared: int


def privacy_stamp(connection: Connection) -> tuple[int, ...]:
    """Return what changes whenever somebody changes their privacy, and when an account comes or goes."""
    settings = connection.execute("SELECT count(*), total(revision) FROM records WHERE kind = 'privacy'").fetchone()
    return (*settings, *connection.execute("SELECT count(*), total(id) FROM accounts").fetchone())


def readers(connection: Connection, limit: int) -> list[Reader]:
    """Return the accounts whose libraries changed last."""
    sql = (
        "SELECT accounts.id, accounts.user_id FROM accounts JOIN libraries ON libraries.account = accounts.id "
        "ORDER BY libraries.arrived DESC, accounts.id LIMIT ?"
    )
    return [Reader(*row) for row in connection.execute(sql, (limit,))]


def privacy_levels(connection: Connection, account: int) -> dict[str, str]:
    """Return an account's privacy settings, by key: `feed/item`, `feed/`, or `/` for everything."""
    sql = "SELECT key, state ->> '$.privacy' FROM records WHERE account = ? AND kind = 'privacy' AND present"
    return dict(connection.execute(sql, (account,)).fetchall())


def deeds(connection: Connection, account: int, kind: str, limit: int) -> list[Deed]:
    """Return an account's newest records of a kind; of the items of playlists, those that were saved."""
    which = _SAVED if kind == PlaylistItem.kind else ""
    sql = (
        f"SELECT kind, key, time, arrived FROM records WHERE account = ? AND kind = ? AND present {which} "
        "ORDER BY time DESC LIMIT ?"
    )
    return [Deed(*row) for row in connection.execute(sql, (account, kind, limit))]


def told(connection: Connection, account: int, limit: int) -> list[Told]:
    """Return what an account's newest subscriptions say of their feeds."""
    sql = (
        "SELECT key, state ->> '$.title', state ->> '$.image' FROM records "
        "WHERE account = ? AND kind = 'subscription' AND present ORDER BY time DESC LIMIT ?"
    )
    return [Told(*row) for row in connection.execute(sql, (account, limit))]


def shares(connection: Connection, account: int, limit: int) -> list[Share]:
    """Return what an account shared."""
    sql = "SELECT feed, item, shared FROM shares WHERE account = ? LIMIT ?"
    return [Share(*row) for row in connection.execute(sql, (account, limit))]


def happened(connection: Connection, limit: int) -> list[Happened]:
    """Return the subscriptions and plays among the newest lines of all logs, the last first."""
    sql = (
        "SELECT seq, user_id, records.account, latest.time, kind, before, after "
        "FROM (SELECT seq, record, time, before, coalesce(after, incoming) AS after "
        "      FROM events ORDER BY seq DESC LIMIT ?) AS latest "
        "JOIN records ON records.id = latest.record JOIN accounts ON accounts.id = records.account "
        "WHERE kind IN ('subscription', 'play_status') ORDER BY seq DESC"
    )
    rows = connection.execute(sql, (limit,))
    return [
        Happened(seq, user_id, account, time, _value(kind, before), value_of(read_row(kind, after)))
        for seq, user_id, account, time, kind, before, after in rows
    ]


def add_share(connection: Connection, account: int, feed: str, item: str, now: int) -> None:
    """Remember that an account shared an episode; again changes nothing."""
    sql = "INSERT INTO shares (account, feed, item, shared) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    connection.execute(sql, (account, feed, item, now))


def _value(kind: str, state: str | None) -> Value | None:
    return value_of(read_row(kind, state)) if state else None
