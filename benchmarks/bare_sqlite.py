"""What SQLite does by itself on this machine, without any of the product's code around it.

Durable commits (`synchronous=FULL`) in groups: many writers wait, and what waits while the disk works goes together in
the next commit. `bare` writes one small row; `alike` writes, under a savepoint of its own, as many rows of the same
size into the same tables as a position report does.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from balados_shared.storage.connections import open_writer

Write = Callable[[sqlite3.Cursor, int], None]


class GroupedCommits:
    """One thread that writes and commits, and those who wait for it."""

    def __init__(self, file: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._connection = self._thread.submit(_open, file).result()
        self._waiting: list[tuple[Write, int, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, write: Write, number: int) -> None:
        """Return when the write is on the disk."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, number, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_groups())
        await done

    def close(self) -> None:
        """End the thread."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    async def _write_groups(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, group)
            for _, _, done in group:
                done.set_result(None)
        self._writing = None

    def _commit(self, group: Sequence[tuple[Write, int, Any]]) -> None:
        cursor = self._connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        for write, number, _ in group:
            write(cursor, number)
        cursor.execute("COMMIT")


def bare(cursor: sqlite3.Cursor, number: int) -> None:
    """Write one small row."""
    sql = "INSERT INTO bare VALUES (?, ?) ON CONFLICT DO UPDATE SET position = excluded.position"
    cursor.execute(sql, (number % 5_000, float(number)))


_STATE_BYTES, _ITEM_BYTES = 490, 190
"""How long a stored play status is, and the id in it."""


def alike(cursor: sqlite3.Cursor, number: int) -> None:
    """Write what a position report of a known episode writes."""
    cursor.execute("SAVEPOINT work")
    cursor.execute("SELECT revision, tag, arrived FROM libraries WHERE account = 1").fetchone()
    cursor.execute("SELECT id, state FROM records WHERE id = ?", (number % 1_000 + 1,)).fetchone()
    cursor.execute("SELECT number FROM counts WHERE account = 1 AND device = 'bare'").fetchone()
    cursor.execute(
        "INSERT INTO counts VALUES (1, 'bare', ?) ON CONFLICT DO UPDATE SET number = excluded.number", (number,)
    )
    state = _state(number)
    news = (state, number, number, number, number % 1_000 + 1)
    cursor.execute("UPDATE records SET state = ?, time = ?, present = 1, revision = ?, arrived = ? WHERE id = ?", news)
    event = (number % 1_000 + 1, number, number, number, number, state, state)
    cursor.execute(
        "INSERT INTO events (record, revision, device, number, time, arrived, outcome, rule, reports, before, "
        "incoming) VALUES (?, ?, 'bare', ?, ?, ?, 'applied', 'only', 0, ?, ?)",
        event,
    )
    cursor.execute("INSERT INTO tags VALUES (1, ?, '0123456789abcdef', ?)", (number, number))
    cursor.execute("UPDATE libraries SET revision = ?, tag = '0123456789abcdef' WHERE account = 1", (number,))
    cursor.execute("RELEASE work")


async def commits_per_second(commits: GroupedCommits, write: Write, first: int, *, writers: int, writes: int) -> float:
    """Return how many writes a second go to the disk with so many writers at once."""
    numbers = iter(range(first, first + writes))

    async def writer() -> None:
        for number in numbers:
            await commits.write(write, number)

    begun = time.perf_counter()
    await asyncio.gather(*(writer() for _ in range(writers)))
    return writes / (time.perf_counter() - begun)


def store_pages(source: Path, target: Path, page: int) -> float:
    """Copy a library into an empty one of the same schema, page by page; return the seconds it took.

    In the order of the keys, which is the best case: neighbours in the indexes are written together.
    """
    tables = _in_order_of_keys(source)
    writer = open_writer(target)
    writer.execute("INSERT INTO libraries (account) VALUES (1)")
    begun = time.perf_counter()
    for start in range(0, len(tables["records"]), page):
        writer.execute("BEGIN IMMEDIATE")
        for table, rows in tables.items():
            places = ", ".join("?" * len(rows[0]))
            writer.executemany(f"INSERT INTO {table} VALUES ({places})", rows[start : start + page])
        writer.execute("COMMIT")
    seconds = time.perf_counter() - begun
    writer.close()
    return seconds


def _in_order_of_keys(source: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Read a library's rows, numbered anew in the order of the keys."""
    reader = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    number = "row_number() OVER (ORDER BY kind, key)"
    events = "device, number, events.time, events.arrived, outcome, rule, reports, before, after, incoming"
    tables = {
        "records": f"SELECT {number}, account, kind, key, state, time, present, {number}, arrived FROM records",
        "events": f"SELECT {number}, {number}, {number}, {events} FROM events JOIN records ON records.id = record",
        "tags": "SELECT * FROM tags",
    }
    rows = {table: sorted(reader.execute(question)) for table, question in tables.items()}
    reader.close()
    return rows


def _open(file: Path) -> sqlite3.Connection:
    connection = open_writer(file)
    connection.execute("CREATE TABLE IF NOT EXISTS bare (id INTEGER PRIMARY KEY, position REAL)")
    return connection


def _state(number: int) -> str:
    """Make a stored form of the usual size, with an id that the index on items takes out of it."""
    begin = f'{{"rss_source_item":"{number % 1_000:0{_ITEM_BYTES}}","position":{number},"rest":"'
    return begin.ljust(_STATE_BYTES - 2, "x") + '"}'
