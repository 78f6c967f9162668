"""The removals that the mass-removal brake holds beside the library."""

from sqlite3 import Connection

from balados_shared.kinds import Subscription
from balados_shared.record import Record
from balados_shared.storage.rows import read_row
from balados_shared.wire import encode_record


def hold(connection: Connection, account: int, record: Record, now: int) -> None:
    """Hold a removal, in place of an earlier state of it."""
    row = (account, record.kind, record.key, encode_record(record).decode(), now)
    connection.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)", row)


def find(connection: Connection, account: int, kind: str, key: str) -> Record | None:
    """Return what is held of a record."""
    sql = "SELECT state FROM held WHERE account = ? AND kind = ? AND key = ?"
    row = connection.execute(sql, (account, kind, key)).fetchone()
    return read_row(kind, row[0]) if row else None


def everything(connection: Connection, account: int) -> list[Record]:
    """Return all that is held, in the order of its arrival."""
    rows = connection.execute("SELECT kind, state FROM held WHERE account = ? ORDER BY arrived, key", (account,))
    return [read_row(kind, state) for kind, state in rows]


def release(connection: Connection, account: int, record: Record) -> None:
    """Hold a record no more."""
    sql = "DELETE FROM held WHERE account = ? AND kind = ? AND key = ?"
    connection.execute(sql, (account, record.kind, record.key))


def number(connection: Connection, account: int) -> int:
    """Count what is held."""
    held: int = connection.execute("SELECT count(*) FROM held WHERE account = ?", (account,)).fetchone()[0]
    return held


def number_subscribed(connection: Connection, account: int) -> int:
    """Count the subscriptions that are there."""
    sql = "SELECT count(*) FROM records WHERE account = ? AND kind = ? AND present"
    number: int = connection.execute(sql, (account, Subscription.kind)).fetchone()[0]
    return number


def number_left(connection: Connection, account: int, *, since: int, own: str) -> int:
    """Count the subscriptions that went by another device's doing since then."""
    sql = (
        "SELECT count(DISTINCT record) FROM events JOIN records ON records.id = record "
        "WHERE account = ? AND kind = ? AND NOT present AND events.arrived > ? AND device <> ?"
    )
    number: int = connection.execute(sql, (account, Subscription.kind, since, own)).fetchone()[0]
    return number
