"""A library in a transaction: the one way in which records change.

Law: each change writes the record, its line in the log, the arrival number and the tag together, in the caller's
transaction; what it means was decided by the pure core. Nothing else writes these tables.
"""

from collections.abc import Callable, Iterator, Sequence
from sqlite3 import Connection
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec import Struct

from balados_shared.cursor import Cursor, next_tag
from balados_shared.edit import Edit, edit
from balados_shared.errors import Refused
from balados_shared.events import Change, describe, plays_on
from balados_shared.record import Dot, Record, merge
from balados_shared.rules import value_of
from balados_shared.storage import counts
from balados_shared.storage.rows import read_row
from balados_shared.wire import MAX_NUMBER, encode_record


class Stored(Struct, frozen=True):
    """A record with its row number and its stored form."""

    id: int
    record: Record
    state: str


class Saved(Struct, frozen=True):
    """A change that was made: which row it touched, and the arrival number it got (0: it changed nothing)."""

    id: int
    change: Change
    revision: int


class Library:
    """The library of one account, inside a transaction: a unit of work over its records.

    Use as a context manager. Records are read once and written together when it is left, so that a page of a thousand
    costs a handful of statements; `flush` writes them earlier.
    """

    def __init__(self, connection: Connection, account: int) -> None:
        self._connection = connection
        self.account = account
        self.revision, self.tag, self.arrived = 0, "", 0
        self._known: dict[tuple[str, str], Stored | None] = {}
        self._counts: dict[str, int] = {}
        self._writes = _Writes()
        self._next_row = 0

    def __enter__(self) -> Self:
        sql = "SELECT revision, tag, arrived FROM libraries WHERE account = ?"
        row = self._connection.execute(sql, (self.account,)).fetchone()
        if row is None:
            self._connection.execute("INSERT INTO libraries (account) VALUES (?)", (self.account,))
        else:
            self.revision, self.tag, self.arrived = row
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self.flush()

    @property
    def cursor(self) -> Cursor:
        """Everything up to now."""
        return Cursor(self.revision, self.tag)

    def stamp(self, now: int) -> int:
        """Return a stamp that all arrivals so far do not exceed, and all later ones do. Milliseconds."""
        self.arrived = max(now, self.arrived)
        return self.arrived

    def find(self, kind: str, key: str) -> Stored | None:
        """Return a record, or None."""
        if (kind, key) not in self._known:
            sql = "SELECT id, state FROM records WHERE account = ? AND kind = ? AND key = ?"
            row = self._connection.execute(sql, (self.account, kind, key)).fetchone()
            self._known[kind, key] = _stored(kind, row) if row else None
        return self._known[kind, key]

    def read_ahead(self, names: Sequence[tuple[str, str]]) -> None:
        """Read many records, named by kind and key, with one statement for each few hundred of a kind."""
        self._known |= dict.fromkeys(name for name in names if name not in self._known)
        for kind in {kind for kind, _ in names}:
            for keys in _chunks([key for of, key in names if of == kind], 500):
                places = ", ".join("?" * len(keys))
                sql = f"SELECT key, id, state FROM records WHERE account = ? AND kind = ? AND key IN ({places})"
                for key, *row in self._connection.execute(sql, (self.account, kind, *keys)):
                    self._known[kind, key] = self._known[kind, key] or _stored(kind, row)

    def edit(self, wish: Edit, *, device: str, now: int) -> Saved | None:
        """Make a person's change, numbered for `device`. None when it would change nothing."""
        old = self.find(wish.kind, wish.key)
        record = old.record if old else None
        number = self._next_number(device, record, now)
        after = edit(record, wish, Dot(device, number), now)
        if after is None:
            return None
        self._counts[device] = number
        return self._save(wish.key, old, describe(record, after, after), now)

    def author(
        self, name: tuple[str, str], write: Callable[[Record | None, Dot], Record | None], *, device: str, now: int
    ) -> Saved | None:
        """Join in what a client without numbers says, numbered for `device`.

        `write` gets the record as it stands and the name of the change, and returns what is to be joined, or None.
        """
        kind, key = name
        old = self.find(kind, key)
        number = self._next_number(device, old.record if old else None, now)
        incoming = write(old.record if old else None, Dot(device, number))
        if incoming is None:
            return None
        self._counts[device] = number
        return self._join(incoming, key, now=now)

    def join(self, incoming: Record, *, now: int, rule: str | None = None) -> Saved:
        """Join a state from elsewhere into the library. `rule` names what was done to it before, if anything."""
        return self._join(incoming, incoming.key, now=now, rule=rule)

    def _join(self, incoming: Record, key: str, *, now: int, rule: str | None = None) -> Saved:
        old = self.find(incoming.kind, key)
        after = merge(old.record, incoming) if old else incoming
        change = describe(old.record if old else None, incoming, after)
        if rule is not None and change.outcome != "refused":
            change = msgspec.structs.replace(change, outcome="merged", rule=rule)
        if old is not None and not change.changed:
            return Saved(old.id, change, 0)
        return self._save(key, old, change, now)

    def join_all(self, incoming: Sequence[Record], *, now: int) -> list[Saved]:
        """Join a page of states, in order."""
        names = [(record.kind, record.key) for record in incoming]
        self.read_ahead(names)
        return [self._join(record, key, now=now) for record, (_, key) in zip(incoming, names, strict=True)]

    def flush(self) -> None:
        """Write what has changed so far, still inside the transaction."""
        self._writes.run(self._connection)
        for device, number in self._counts.items():
            counts.save(self._connection, self.account, device, number)
        self._connection.execute(
            "UPDATE libraries SET revision = ?, tag = ?, arrived = ? WHERE account = ?",
            (self.revision, self.tag, self.arrived, self.account),
        )

    def _next_number(self, device: str, record: Record | None, now: int) -> int:
        """Number a change: above all that this device ever used, also what only the record remembers (DESIGN 2)."""
        known = record.vector.get(device, 0) if record else 0
        counted = self._counts.get(device) or counts.load(self._connection, self.account, device)
        if max(counted, known) >= MAX_NUMBER:
            raise Refused("this device has no numbers left; it goes on under a new id after the next sync")
        return max(counted + 1, known + 1, now)

    def _save(self, key: str, old: Stored | None, change: Change, now: int) -> Saved:
        state = encode_record(change.after)
        self.revision += 1
        self.tag = next_tag(self.tag, state)
        self.arrived = max(now, self.arrived + 1)
        self._writes.tags.append((self.account, self.revision, self.tag, self.arrived))
        row = self._save_record(key, old, change.after, state.decode())
        self._save_event(row, old, change, state.decode())
        return Saved(row, change, self.revision)

    def _save_record(self, key: str, old: Stored | None, record: Record, state: str) -> int:
        value = value_of(record)
        news = (state, record.time, value.present, self.revision, self.arrived)
        row = old.id if old else self._new_row()
        if old is None:
            self._writes.new_records.append((row, self.account, value.kind, key, *news))
        else:
            self._writes.old_records.append((*news, row))
        self._known[value.kind, key] = Stored(row, record, state)
        return row

    def _new_row(self) -> int:
        if not self._next_row:
            self._next_row = self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM records").fetchone()[0]
        self._next_row += 1
        return self._next_row - 1

    def _save_event(self, row: int, old: Stored | None, change: Change, state: str) -> None:
        by = change.by
        as_sent = change.after == change.incoming
        incoming = state if as_sent else encode_record(change.incoming).decode()
        after = None if as_sent else state
        what = (self.revision, by.device, by.number, by.value.time, self.arrived, change.outcome, change.rule)
        playing = old is not None and _plays_on(old.record, change)
        if playing and old and (seq := self._open_stretch(old)):
            # One line for all of them: the state knows what each of them knew.
            self._writes.old_events.append((*what, None, state, seq))
            return
        self._writes.new_events.append((row, *what, int(playing), old.state if old else None, after, incoming))

    def _open_stretch(self, old: Stored) -> int | None:
        """Return the log line of the stretch of playing that made the record what it is, if that is its last line."""
        self.flush()
        sql = "SELECT seq, reports, device, number FROM events WHERE record = ? ORDER BY seq DESC LIMIT 1"
        line = self._connection.execute(sql, (old.id,)).fetchone()
        return line[0] if line and line[1] and (line[2], line[3]) == old.record.heads[0].dot else None


class _Writes(Struct):
    """The rows that a unit of work is going to write."""

    new_records: list[tuple[Any, ...]] = []
    old_records: list[tuple[Any, ...]] = []
    new_events: list[tuple[Any, ...]] = []
    old_events: list[tuple[Any, ...]] = []
    tags: list[tuple[Any, ...]] = []

    def run(self, connection: Connection) -> None:
        for sql, rows in zip(_STATEMENTS, (getattr(self, name) for name in self.__struct_fields__), strict=True):
            if rows:
                connection.executemany(sql, rows)
                rows.clear()


_STATEMENTS = (
    "INSERT INTO records (id, account, kind, key, state, time, present, revision, arrived) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "UPDATE records SET state = ?, time = ?, present = ?, revision = ?, arrived = ? WHERE id = ?",
    "INSERT INTO events (record, revision, device, number, time, arrived, outcome, rule, reports, before, after, "
    "incoming) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "UPDATE events SET revision = ?, device = ?, number = ?, time = ?, arrived = ?, outcome = ?, rule = ?, "
    "reports = reports + 1, after = ?, incoming = ? WHERE seq = ?",
    "INSERT INTO tags VALUES (?, ?, ?, ?)",
)


def _stored(kind: str, row: Sequence[Any]) -> Stored:
    return Stored(row[0], read_row(kind, row[1]), row[1])


def _plays_on(old: Record, change: Change) -> bool:
    """Whether this is nothing but the next report of an episode that plays on."""
    if change.outcome != "applied" or len(old.heads) != 1 or len(change.after.heads) != 1:
        return False
    return plays_on(old.heads[0], change.after.heads[0])


def _chunks(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
