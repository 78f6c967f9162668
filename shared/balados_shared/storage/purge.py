"""Purging the records of a library that were deleted long ago (`balados_shared.purge`).

Law: purging is no news. The stub takes the place of the record in its row and in the checkpoint at once, under the
arrival number it had: no line in the log, no revision, no tag (tags hash the states as they arrived). So records =
checkpoint + log still holds, and the job may be stopped anywhere and run again.
"""

from functools import partial
from sqlite3 import Connection

from msgspec import Struct

from balados_shared.purge import purge
from balados_shared.record import Record
from balados_shared.storage.checkpoints import KEPT
from balados_shared.storage.database import Database
from balados_shared.storage.errors import Corrupt
from balados_shared.storage.rows import read_row
from balados_shared.wire import encode_record

BATCH = 500
"""Records in one transaction: few enough that others need not wait long for the writer."""


class Purged(Struct, frozen=True):
    """How many records of a page became stubs, and the arrival stamp to go on after; None at the end."""

    number: int
    until: int | None


def purge_some(connection: Connection, account: int, *, now: int, after: int = 0, limit: int = BATCH) -> Purged:
    """Look at `limit` records that were deleted more than 45 days ago, in the order they arrived, and purge them.

    A record whose log is not folded yet keeps what it says until that is done.
    """
    sql = (
        "SELECT id, kind, records.state, checkpoints.state, arrived FROM records "
        "LEFT JOIN checkpoints ON checkpoints.record = id "
        "WHERE account = ? AND NOT present AND arrived > ? AND arrived < ? ORDER BY arrived LIMIT ?"
    )
    page = connection.execute(sql, (account, after, now - KEPT, limit)).fetchall()
    number = sum(_purge(connection, row, kind, state, folded) for row, kind, state, folded, _ in page)
    return Purged(number, page[-1][-1] if len(page) == limit else None)


async def purge_all(database: Database, account: int, *, now: int) -> int:
    """Purge one library, in small transactions. Returns how many records became stubs."""
    total, after = 0, 0
    while True:
        purged = await database.write(partial(purge_some, account=account, now=now, after=after))
        total += purged.number
        if purged.until is None:
            return total
        after = purged.until


def _purge(connection: Connection, row: int, kind: str, state: str, folded: str | None) -> bool:
    """Purge one record; False when it is a stub already, or when checkpoint and log do not prove it."""
    record = _proven(connection, row, kind, state, folded)
    stub = purge(record) if record else None
    if stub is None or stub == record:
        return False
    text = encode_record(stub).decode()
    connection.execute("UPDATE records SET state = ? WHERE id = ?", (text, row))
    connection.execute("UPDATE checkpoints SET state = ? WHERE record = ?", (text, row))
    return True


def _proven(connection: Connection, row: int, kind: str, state: str, folded: str | None) -> Record | None:
    """Return the record if its whole past is in the checkpoint, which says the same.

    What is damaged is left for `doctor` to name: a stub on top would only hide it.
    """
    if folded is None or connection.execute("SELECT 1 FROM events WHERE record = ?", (row,)).fetchone():
        return None
    try:
        record = read_row(kind, state)
        return record if record == read_row(kind, folded) else None
    except Corrupt:
        return None
