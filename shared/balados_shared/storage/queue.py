"""The queue: the records that were changed here and that the relay has not acknowledged.

Law: a row leaves the queue only with an acknowledgement of exactly the version that was sent; nothing is ever dropped
(DESIGN.md section 4).
"""

from collections.abc import Iterable, Sequence
from sqlite3 import Connection

from msgspec import Struct

from balados_shared.kinds import BY_KIND
from balados_shared.times import MINUTE


class Letter(Struct, frozen=True):
    """A queued record as it is about to be sent: its stored form is its wire form."""

    row: int
    version: int
    kind: str
    key: str
    state: bytes

    @property
    def plural(self) -> str:
        """The list it goes into."""
        return BY_KIND[self.kind].plural


class Waiting(Struct, frozen=True, kw_only=True):
    """A row of the queue as a person sees it. Times are milliseconds since 1970."""

    kind: str
    key: str
    since: int
    due: int
    attempts: int
    parked: bool
    error: str | None


class Summary(Struct, frozen=True):
    """How much waits, since when the oldest does, and how much of it is parked."""

    waiting: int
    oldest: int | None
    parked: int


def put(connection: Connection, account: int, rows: Sequence[tuple[int, int]], *, now: int) -> None:
    """Queue records that were changed: (row, due). An earlier due time stands; a parked row gets another chance."""
    connection.executemany(
        "INSERT INTO queue (record, account, since, due) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "due = min(due, excluded.due), version = version + 1, parked = 0, error = NULL",
        [(row, account, now, due) for row, due in rows],
    )


def put_everything(connection: Connection, account: int, *, now: int) -> None:
    """Queue every record of the library, in the order of keys: a relay that does not know us gets all of it.

    The order matters: a hundred thousand records in any other one touch every page of the relay's indexes again and
    again (docs/performance.md).
    """
    connection.execute(
        "INSERT INTO queue (record, account, since, due) "
        "SELECT id, account, ?1, ?1 - count(*) OVER () + row_number() OVER (ORDER BY kind, key) "
        "FROM records WHERE account = ?2 "
        "ON CONFLICT DO UPDATE SET due = min(due, excluded.due), version = version + 1",
        (now, account),
    )


FAR = 2 * MINUTE
"""No row is ever due later than this, unless the clock was set back since; then it is due now."""


def letters(connection: Connection, account: int, *, now: int, limit: int) -> list[Letter]:
    """Return what is to be sent by now, the longest waiting first."""
    sql = (
        "SELECT id, version, kind, key, state FROM queue JOIN records ON records.id = queue.record "
        "WHERE queue.account = ? AND parked = 0 AND (due <= ? OR due > ?) ORDER BY due, queue.record LIMIT ?"
    )
    rows = connection.execute(sql, (account, now, now + FAR, limit))
    return [Letter(row, version, kind, key, state.encode()) for row, version, kind, key, state in rows]


def next_due(connection: Connection, account: int, *, now: int) -> int | None:
    """Return when the next row wants to be sent, or None when nothing waits."""
    sql = "SELECT due FROM queue WHERE account = ? AND parked = 0 AND due {} ORDER BY due LIMIT 1"
    if connection.execute(sql.format("> ?"), (account, now + FAR)).fetchone():
        return now
    row = connection.execute(sql.format("<= ?"), (account, now + FAR)).fetchone()
    return row[0] if row else None


def acknowledge(connection: Connection, letters: Iterable[Letter]) -> None:
    """Take off what the relay has, unless it changed again since it was sent."""
    sql = "DELETE FROM queue WHERE record = ? AND version = ?"
    connection.executemany(sql, [(letter.row, letter.version) for letter in letters])


def postpone(connection: Connection, letters: Iterable[Letter], *, error: str) -> None:
    """Note a failed attempt; when to try again is the schedule's business."""
    sql = "UPDATE queue SET attempts = attempts + 1, error = ? WHERE record = ?"
    connection.executemany(sql, [(error, letter.row) for letter in letters])


def park(connection: Connection, letter: Letter, *, error: str) -> None:
    """Set a refused record aside, visible, until it is changed or retried."""
    sql = "UPDATE queue SET parked = 1, attempts = attempts + 1, error = ? WHERE record = ? AND version = ?"
    connection.execute(sql, (error, letter.row, letter.version))


def retry(connection: Connection, account: int, *, now: int) -> int:
    """Give every parked row another chance. Returns how many there were."""
    sql = "UPDATE queue SET parked = 0, due = ?, error = NULL WHERE account = ? AND parked = 1"
    return connection.execute(sql, (now, account)).rowcount


def waiting(connection: Connection, account: int, *, limit: int = 1_000) -> list[Waiting]:
    """Return the rows of the queue, the longest waiting first."""
    sql = (
        "SELECT kind, key, since, due, attempts, parked, error FROM queue JOIN records ON records.id = queue.record "
        "WHERE queue.account = ? ORDER BY since, id LIMIT ?"
    )
    names = Waiting.__struct_fields__
    rows = connection.execute(sql, (account, limit))
    return [Waiting(**{**dict(zip(names, row, strict=True)), "parked": bool(row[5])}) for row in rows]


def summary(connection: Connection, account: int) -> Summary:
    """Return how much waits."""
    sql = "SELECT count(*), min(since), coalesce(sum(parked), 0) FROM queue WHERE account = ?"
    return Summary(*connection.execute(sql, (account,)).fetchone())
