"""What apps held and what is over by itself. Times are in milliseconds."""

from sqlite3 import Connection


def forget_expired_bearers(connection: Connection, now: int) -> int:
    """Forget the bearer tokens that are good no more and that nothing can renew; return how many."""
    sql = "DELETE FROM bearers WHERE expires <= ?1 AND (refresh_hash IS NULL OR refresh_expires <= ?1)"
    return connection.execute(sql, (now,)).rowcount
