"""The event log as it is read: the answer to "why is it at 41:10", and what an undo needs."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any

import msgspec
from msgspec import Struct

from balados_shared.events import Outcome
from balados_shared.kinds import BY_KIND


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the log. `before` and `after` are values in wire form without the fields that name the record.

    `said` is what the change itself wanted, where something else stands after it: the loser can be brought back.
    `reports` is the number of position reports that one uninterrupted stretch of playing consists of, else 0.
    """

    event: int
    kind: str
    key: str
    revision: int
    device: str
    number: int
    time: int
    arrived: int
    outcome: Outcome
    rule: str
    reports: int = 0
    before: dict[str, Any] | None
    after: dict[str, Any]
    said: dict[str, Any] | None = None


_SELECT = (
    "SELECT seq, kind, key, events.revision, device, number, events.time, events.arrived, outcome, rule, reports, "
    "before, after, incoming FROM events JOIN records ON records.id = record "
)
_CARRIER = ("device", "number", "vector", "heads")


def of_record(connection: Connection, account: int, kind: str, key: str) -> list[Event]:
    """Return all that the log holds of one record, oldest first."""
    sql = _SELECT + "WHERE account = ? AND kind = ? AND key = ? ORDER BY seq"
    return [_event(row) for row in connection.execute(sql, (account, kind, key))]


def latest(connection: Connection, account: int, *, before: int | None = None, limit: int = 100) -> list[Event]:
    """Return the newest lines of the log, newest first, further back from `before` (an event number)."""
    sql = _SELECT + "WHERE account = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
    return [_event(row) for row in connection.execute(sql, (account, before or 2**62, limit))]


def of_kind(connection: Connection, account: int, kind: str, *, after: tuple[str, int], limit: int) -> list[Event]:
    """Return the log of all records of a kind, by key and age, from behind a (key, event number)."""
    sql = _SELECT + "WHERE account = ? AND kind = ? AND key >= ? AND (key, seq) > (?, ?) ORDER BY key, seq LIMIT ?"
    return [_event(row) for row in connection.execute(sql, (account, kind, after[0], *after, limit))]


def find(connection: Connection, account: int, event: int) -> Event | None:
    """Return one line of the log."""
    row = connection.execute(_SELECT + "WHERE account = ? AND seq = ?", (account, event)).fetchone()
    return _event(row) if row else None


def _event(row: tuple[Any, ...]) -> Event:
    *plain, before, after, incoming = row
    fields = dict(zip(Event.__struct_fields__, plain, strict=False))
    identity = BY_KIND[fields["kind"]].identity
    said = _value_alone(incoming, identity)
    stands = _value_alone(after, identity) if after else said
    was = _value_alone(before, identity) if before else None
    return Event(**fields, before=was, after=stands, said=said if after else None)


def _value_alone(state: str, identity: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a stored record without what names and carries it."""
    return {name: field for name, field in msgspec.json.decode(state).items() if name not in (*_CARRIER, *identity)}
