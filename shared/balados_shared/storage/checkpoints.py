"""The log's past, folded: old events are joined into a checkpoint and then deleted; the records stay provable.

Law: records = checkpoint + log, at any moment (DESIGN.md section 5, "Retention"). Joining is harmless to repeat, and
each fold is one transaction, so it may be stopped anywhere.
"""

from collections.abc import Iterator
from sqlite3 import Connection

from balados_shared.record import Record, merge
from balados_shared.storage.database import Database
from balados_shared.storage.errors import Corrupt
from balados_shared.storage.rows import read_row
from balados_shared.times import DAY
from balados_shared.wire import encode_record

KEPT = 45 * DAY
"""How long the log remembers each change, in milliseconds."""

TAGS_KEPT = 730 * DAY
"""How long a device may stay away without starting over, in milliseconds."""


def fold(connection: Connection, account: int, *, now: int, limit: int = 500) -> int:
    """Fold at most `limit` events that are older than 45 days. Returns how many; call again until it is 0."""
    sql = (
        "SELECT seq, record, kind, incoming FROM events JOIN records ON records.id = events.record "
        "WHERE account = ? AND events.arrived < ? ORDER BY seq LIMIT ?"
    )
    old = connection.execute(sql, (account, now - KEPT, limit)).fetchall()
    for _, row, kind, incoming in old:
        joined = _joined(_checkpoint(connection, row, kind), read_row(kind, incoming))
        connection.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)", (row, encode_record(joined).decode()))
    connection.executemany("DELETE FROM events WHERE seq = ?", [(line[0],) for line in old])
    return len(old)


def forget_tags(connection: Connection, account: int, *, now: int) -> int:
    """Forget the tags of arrivals older than two years; a device from then starts over.

    Those that made a record what it is stay: a page that ends at one needs its tag for a cursor.
    """
    sql = (
        "DELETE FROM tags WHERE account = ? AND arrived < ? AND NOT EXISTS (SELECT 1 FROM records "
        "WHERE records.account = tags.account AND records.revision = tags.revision)"
    )
    return connection.execute(sql, (account, now - TAGS_KEPT)).rowcount


def wrong_records(connection: Connection, account: int) -> Iterator[tuple[str, str]]:
    """Yield (kind, key) of every record that is not its checkpoint joined with its log. None is expected."""
    for row, kind, key, state in connection.execute(
        "SELECT id, kind, key, state FROM records WHERE account = ? ORDER BY id", (account,)
    ):
        try:
            proven = _rebuilt(connection, row, kind) == read_row(kind, state)
        except Corrupt:  # not even readable
            proven = False
        if not proven:
            yield kind, key


def _rebuilt(connection: Connection, row: int, kind: str) -> Record | None:
    record = _checkpoint(connection, row, kind)
    lines = connection.execute("SELECT incoming FROM events WHERE record = ? ORDER BY seq", (row,))
    for (incoming,) in lines.fetchall():
        record = _joined(record, read_row(kind, incoming))
    return record


async def fold_all(database: Database, account: int, *, now: int) -> int:
    """Fold one library's log, in small transactions. Returns how many lines were folded."""
    total = 0
    while folded := await database.write(lambda connection: fold(connection, account, now=now)):
        total += folded
    return total


async def tidy(database: Database, account: int, *, now: int) -> int:
    """Fold the log and forget old tags of one library. Returns how many lines of the log were folded."""
    total = await fold_all(database, account, now=now)
    await database.write(lambda connection: forget_tags(connection, account, now=now))
    return total


def _checkpoint(connection: Connection, row: int, kind: str) -> Record | None:
    found = connection.execute("SELECT state FROM checkpoints WHERE record = ?", (row,)).fetchone()
    return read_row(kind, found[0]) if found else None


def _joined(a: Record | None, b: Record) -> Record:
    return merge(a, b) if a is not None else b
