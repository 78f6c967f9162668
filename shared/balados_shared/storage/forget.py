"""Taking a whole library away, bit by bit.

Law: each bit is one transaction that leaves a smaller library, so that it may end at any point and be taken up again.
What points at a record goes before the record.
"""

from sqlite3 import Connection

BATCH = 1_000
"""Rows: few enough that others need not wait long for the writer."""

_OF_A_RECORD = ("events", "checkpoints", "queue")
_OF_AN_ACCOUNT = {
    "held": "(kind, key)",
    "tags": "(revision)",
    "counts": "(device)",
    "client_rows": "(device, kind, key)",
    "client_stamps": "(device)",
}
"""Tables without records, and what tells their rows apart within an account."""


def forget_some(connection: Connection, account: int, limit: int = BATCH) -> bool:
    """Delete up to `limit` rows of a library; False when nothing of it is left."""
    if _forget_records(connection, account, limit):
        return True
    for table, key in _OF_AN_ACCOUNT.items():
        chosen = f"SELECT {key[1:-1]} FROM {table} WHERE account = ? LIMIT ?"
        sql = f"DELETE FROM {table} WHERE account = ? AND {key} IN ({chosen})"
        if connection.execute(sql, (account, account, limit)).rowcount:
            return True
    return connection.execute("DELETE FROM libraries WHERE account = ?", (account,)).rowcount > 0


def _forget_records(connection: Connection, account: int, limit: int) -> bool:
    """Delete lines of the log and such, and the records that nothing points at any more."""
    records = connection.execute("SELECT id FROM records WHERE account = ? LIMIT ?", (account, limit)).fetchall()
    left = limit
    for record in records:
        for table in _OF_A_RECORD:
            chosen = f"SELECT rowid FROM {table} WHERE record = ? LIMIT ?"
            left -= connection.execute(f"DELETE FROM {table} WHERE rowid IN ({chosen})", (*record, left)).rowcount
        if left <= 0:
            break
        connection.execute("DELETE FROM records WHERE id = ?", record)
        left -= 1
        if left <= 0:
            break
    return bool(records)
