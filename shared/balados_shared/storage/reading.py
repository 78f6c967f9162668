"""What can be asked of a library. Reads only; each question is one query over an index."""

from collections.abc import Iterable, Iterator
from sqlite3 import Connection
from typing import Any, NamedTuple

from msgspec import Struct

from balados_shared.cursor import Cursor
from balados_shared.kinds import BY_KIND, PlayStatus, Value
from balados_shared.places import Arrivals, Listed, Newest, Place
from balados_shared.record import Record
from balados_shared.rules import value_of
from balados_shared.storage.rows import read_row


class Row(NamedTuple):
    """A stored record as it travels: the kind's list name, the stored form, and the arrival number."""

    plural: str
    state: bytes
    revision: int


class Page(Struct, frozen=True):
    """What arrived after a cursor, in order. `more` says that there is more behind `cursor`."""

    rows: list[Row]
    cursor: Cursor
    more: bool


def head(connection: Connection, account: int) -> Cursor:
    """Return where the library's history stands."""
    row = connection.execute("SELECT revision, tag FROM libraries WHERE account = ?", (account,)).fetchone()
    return Cursor(*row) if row else Cursor(0, "")


def last_arrival(connection: Connection, account: int) -> int:
    """Return the stamp of the last arrival, in milliseconds."""
    row = connection.execute("SELECT arrived FROM libraries WHERE account = ?", (account,)).fetchone()
    return row[0] if row else 0


def fits(connection: Connection, account: int, cursor: Cursor) -> bool:
    """Whether a cursor belongs to this history."""
    if cursor.revision == 0:
        return True
    sql = "SELECT tag FROM tags WHERE account = ? AND revision = ?"
    found: bool = connection.execute(sql, (account, cursor.revision)).fetchone() == (cursor.tag,)
    return found


def changes_after(connection: Connection, account: int, revision: int, limit: int) -> Page:
    """Return the records that changed after an arrival number, at most `limit`, by arrival."""
    sql = "SELECT kind, state, revision FROM records WHERE account = ? AND revision > ? ORDER BY revision LIMIT ?"
    found = connection.execute(sql, (account, revision, limit + 1)).fetchall()
    rows = [Row(BY_KIND[kind].plural, state.encode(), number) for kind, state, number in found[:limit]]
    more = len(found) > limit
    if not more:
        return Page(rows, head(connection, account), False)
    sql = "SELECT revision, tag FROM tags WHERE account = ? AND revision = ?"
    return Page(rows, Cursor(*connection.execute(sql, (account, rows[-1].revision)).fetchone()), True)


def arrived_between(connection: Connection, account: int, after: int, until: int) -> Iterator[Record]:
    """Yield the records that came to be what they are after one arrival stamp and not after another, in order."""
    sql = "SELECT kind, state FROM records WHERE account = ? AND arrived > ? AND arrived <= ? ORDER BY arrived"
    for kind, state in connection.execute(sql, (account, after, until)):
        yield read_row(kind, state)


def find(connection: Connection, account: int, kind: str, key: str) -> Record | None:
    """Return one record."""
    sql = "SELECT state FROM records WHERE account = ? AND kind = ? AND key = ?"
    row = connection.execute(sql, (account, kind, key)).fetchone()
    return read_row(kind, row[0]) if row else None


def names(connection: Connection, account: int) -> list[tuple[str, str]]:
    """Return (kind, key) of every record that is there."""
    return connection.execute("SELECT kind, key FROM records WHERE account = ? AND present", (account,)).fetchall()


def totals(connection: Connection, account: int) -> dict[str, int]:
    """Return how many records of each kind are there. Reads all of them."""
    sql = "SELECT kind, count(*) FROM records WHERE account = ? AND present GROUP BY kind"
    return dict(connection.execute(sql, (account,)).fetchall())


def states(connection: Connection, account: int, kind: str, *, after: str, limit: int) -> list[tuple[str, str]]:
    """Return (key, stored form) of a kind's records by key, from behind a key, also of those that were removed."""
    sql = "SELECT key, state FROM records WHERE account = ? AND kind = ? AND key > ? ORDER BY key LIMIT ?"
    return connection.execute(sql, (account, kind, after, limit)).fetchall()


def damage(connection: Connection) -> str | None:
    """Return what is wrong with the file itself, or None."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    return None if found == "ok" else str(found)


def values(connection: Connection, account: int) -> Iterator[Value]:
    """Yield all values that are there, sorted by kind and key: what a fingerprint is taken of."""
    sql = "SELECT kind, state FROM records WHERE account = ? AND present ORDER BY kind, key"
    for kind, state in connection.execute(sql, (account,)):
        yield value_of(read_row(kind, state))


def listing(
    connection: Connection,
    account: int,
    kind: type[Value],
    *,
    parent: str = "",
    where: str | None = None,
    limit: int = -1,
    offset: int = 0,
) -> list[Value]:
    """Return the values of a kind that are there, newest first. `where` is a condition on the stored form."""
    sql = f"SELECT state FROM records {_filter(parent, where)} ORDER BY time DESC, revision LIMIT ? OFFSET ?"
    rows = connection.execute(sql, (*_arguments(account, kind, parent), limit, offset))
    return [value_of(read_row(kind.kind, state)) for (state,) in rows]


def listed(
    connection: Connection,
    account: int,
    kind: type[Value],
    place: Place,
    *,
    parent: str = "",
    where: str | None = None,
    limit: int,
) -> Listed[Any]:
    """Return values from a place on: what is there, newest first, or what arrived, also what was removed since."""
    here = last_arrival(connection, account)
    condition, at, order = _behind(place, "+" if parent else "")
    gone = isinstance(place, Arrivals)
    chosen = _filter(parent, where, gone=gone, by_arrival=gone and kind is PlayStatus and not parent)
    sql = f"SELECT state, time, revision, arrived FROM records {chosen} AND {condition} ORDER BY {order} LIMIT ?"
    rows = connection.execute(sql, (*_arguments(account, kind, parent), *at, limit + 1)).fetchall()
    values = [value_of(read_row(kind.kind, state)) for state, *_ in rows[:limit]]
    stamp = place.stamp if isinstance(place, Newest) and place.stamp is not None else here
    if len(rows) <= limit:
        return Listed(values, None, stamp)
    _, time, revision, arrived = rows[limit - 1]
    if isinstance(place, Arrivals):
        return Listed(values, Arrivals(arrived), arrived)
    return Listed(values, Newest(time, revision, stamp), stamp)


def _behind(place: Place, mark: str) -> tuple[str, tuple[int, ...], str]:
    """Return the condition, its arguments and the order of what comes behind a place.

    `mark` is SQLite's plus sign where no index of this order is wanted: the few of one parent are found by their keys.
    """
    if isinstance(place, Arrivals):
        return f"{mark}arrived > ?", (place.stamp,), "arrived"
    condition = f"{mark}time <= ? AND (time < ? OR revision > ?)"
    return condition, (place.time, place.time, place.revision), "time DESC, revision"


def titles(connection: Connection, account: int, feeds: Iterable[str]) -> dict[str, str]:
    """Return the titles of feeds, as far as subscriptions tell them, also past ones."""
    keys = list(feeds)
    sql = (
        "SELECT key, state ->> '$.title' AS title FROM records WHERE account = ? AND kind = 'subscription' "
        f"AND key IN ({', '.join('?' * len(keys))}) AND title IS NOT NULL"
    )
    return dict(connection.execute(sql, (account, *keys)).fetchall())


def number_of(
    connection: Connection, account: int, kind: type[Value], *, parent: str = "", where: str | None = None
) -> int:
    """Count the values that `listing` would return without a limit."""
    sql = f"SELECT count(*) FROM records {_filter(parent, where)}"
    total: int = connection.execute(sql, _arguments(account, kind, parent)).fetchone()[0]
    return total


PLAYED = "state ->> '$.played' = 1"
NOT_PLAYED = "state ->> '$.played' = 0"


def _filter(parent: str, where: str | None, *, gone: bool = False, by_arrival: bool = False) -> str:
    """Select a kind and the part of its keys that begin with the parent's, which the index on keys serves.

    `gone` takes in what was removed. `by_arrival` keeps SQLite from the indexes that begin with the kind: of the one
    kind that most records are, the next few to arrive are found faster than all of them are sorted.
    """
    kind = "+kind = ?" if by_arrival else "kind = ?"
    conditions = ["account = ?", kind, *([] if gone else ["present"]), *(["key >= ?", "key < ?"] if parent else [])]
    return "WHERE " + " AND ".join([*conditions, *([where] if where else [])])


def _arguments(account: int, kind: type[Value], parent: str) -> tuple[object, ...]:
    # "0" is the character after "/".
    return (account, kind.kind, *([f"{parent}/", f"{parent}0"] if parent else []))


def newest_play(connection: Connection, account: int, item: str) -> Value | None:
    """Return the newest play status of an episode id, whatever its feed (DESIGN.md section 3, last line)."""
    sql = (
        "SELECT state FROM records WHERE account = ? AND kind = 'play_status' AND state ->> '$.rss_source_item' = ? "
        "ORDER BY time DESC LIMIT 1"
    )
    row = connection.execute(sql, (account, item)).fetchone()
    return value_of(read_row("play_status", row[0])) if row else None
