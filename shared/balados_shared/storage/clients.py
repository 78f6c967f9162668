"""What is remembered of clients without numbers (`balados_shared.clients`): their rows, and how far they were told."""

from collections.abc import Iterator, Mapping, Sequence
from sqlite3 import Connection

import msgspec

from balados_shared.clients import Memory

Name = tuple[str, str]
"""Kind and key of a record."""

_vectors = msgspec.json.Decoder(dict[str, int])


def memories(connection: Connection, account: int, device: str, names: Sequence[Name]) -> dict[Name, Memory]:
    """Return what is remembered of each of these records; blank where there is nothing."""
    found = dict.fromkeys(names, Memory())
    for kind in {kind for kind, _ in names}:
        for keys in _chunks([key for of, key in names if of == kind], 500):
            places = ", ".join("?" * len(keys))
            sql = (
                "SELECT key, sent, given, vector FROM client_rows "
                f"WHERE account = ? AND device = ? AND kind = ? AND key IN ({places})"
            )
            for key, sent, given, vector in connection.execute(sql, (account, device, kind, *keys)):
                found[kind, key] = Memory(sent, given, _vectors.decode(vector))
    return found


def remember(connection: Connection, account: int, device: str, rows: Mapping[Name, Memory]) -> None:
    """Remember these in place of what was known of them."""
    connection.executemany(
        "INSERT OR REPLACE INTO client_rows VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (account, device, *name, memory.sent, memory.given, msgspec.json.encode(memory.vector).decode())
            for name, memory in rows.items()
        ],
    )


def stamp_of(connection: Connection, account: int, device: str) -> int | None:
    """Return the arrival stamp up to which a client was given everything, in milliseconds."""
    sql = "SELECT stamp FROM client_stamps WHERE account = ? AND device = ?"
    row = connection.execute(sql, (account, device)).fetchone()
    return row[0] if row else None


def put_stamp(connection: Connection, account: int, device: str, stamp: int) -> None:
    """Remember up to which arrival a client was given everything."""
    connection.execute("INSERT OR REPLACE INTO client_stamps VALUES (?, ?, ?)", (account, device, stamp))


def _chunks(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
