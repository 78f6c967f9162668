"""One writer in groups, readers that see only what is committed, and plain words when the disk fails."""

import asyncio
import contextlib
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from balados_shared.storage.connections import BUSY_TIMEOUT_MS, JOURNAL_SIZE_LIMIT_BYTES
from balados_shared.storage.database import Database, sqlite_is_affected_by_wal_reset_bug
from balados_shared.storage.errors import (
    Busy,
    CannotOpen,
    Corrupt,
    DatabaseClosed,
    DiskFull,
    ReadOnly,
    StorageError,
)
from balados_shared.storage.migrate import Schema
from support.schemas import temporary_schema

TABLES = """
CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE links (note INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED) STRICT;
"""


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Schema:
    return temporary_schema(tmp_path, monkeypatch, {"0001_notes.sql": TABLES}).schema


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "library.db"


@pytest.fixture
async def database(path: Path, schema: Schema) -> AsyncIterator[Database]:
    database = await Database.open(path, [schema])
    yield database
    await database.close()


def add(text: str) -> Callable[[sqlite3.Connection], int]:
    def work(connection: sqlite3.Connection) -> int:
        cursor = connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    return work


def texts(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY id")]


def add_then_raise(text: str, error: BaseException) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        add(text)(connection)
        raise error

    return work


def execute(sql: str) -> Callable[[sqlite3.Connection], list[Any]]:
    return lambda connection: connection.execute(sql).fetchall()


async def traced_statements(database: Database) -> list[str]:
    statements: list[str] = []
    await database.write(lambda connection: connection.set_trace_callback(statements.append))
    statements.clear()
    return statements


async def together(database: Database, *works: Callable[[sqlite3.Connection], Any]) -> list[Any]:
    return await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)


@contextlib.asynccontextmanager
async def held_writer(database: Database) -> AsyncIterator[asyncio.Task[int]]:
    """Hold the writer's thread inside a transaction that has added "held", until the block ends."""
    inside, go_on = threading.Event(), threading.Event()

    def work(connection: sqlite3.Connection) -> int:
        row = add("held")(connection)
        inside.set()
        assert go_on.wait(10)
        return row

    writing = asyncio.create_task(database.write(work))
    try:
        assert await asyncio.to_thread(inside.wait, 10)
        yield writing
    finally:
        go_on.set()


@contextlib.asynccontextmanager
async def held_scan(database: Database) -> AsyncIterator[asyncio.Task[tuple[list[str], list[str]]]]:
    """Hold a long read between its first and its second query, until the block ends."""
    inside, go_on = threading.Event(), threading.Event()

    def twice(connection: sqlite3.Connection) -> tuple[list[str], list[str]]:
        first = texts(connection)
        inside.set()
        assert go_on.wait(10)
        return first, texts(connection)

    scanning = asyncio.create_task(database.scan(twice))
    try:
        assert await asyncio.to_thread(inside.wait, 10)
        yield scanning
    finally:
        go_on.set()


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def names_in(directory: Path) -> set[str]:
    return {str(file.relative_to(directory)) for file in directory.rglob("*") if file.is_file()}


def make(file: Path, content: bytes = b"", permissions: int = 0o600) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(permissions)


# Group commit


async def test_a_write_returns_what_its_work_returned(database: Database) -> None:
    assert await database.write(add("first")) == 1
    assert database.read(texts) == ["first"]


async def test_writers_that_wait_together_share_one_commit(database: Database) -> None:
    statements = await traced_statements(database)
    assert await together(database, *(add(f"note {n}") for n in range(100))) == list(range(1, 101))
    assert statements.count("COMMIT") == 1


async def test_a_group_takes_at_most_256_works(database: Database) -> None:
    statements = await traced_statements(database)
    await together(database, *(add(f"note {n}") for n in range(600)))
    assert statements.count("COMMIT") == 3
    assert len(database.read(texts)) == 600


async def test_what_arrives_during_a_commit_goes_into_the_next_one(database: Database) -> None:
    statements = await traced_statements(database)
    async with held_writer(database) as held:
        later = [asyncio.create_task(database.write(add(f"note {n}"))) for n in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(held, *later)
    assert statements.count("COMMIT") == 2


async def test_a_work_that_raises_takes_no_other_with_it(database: Database) -> None:
    error = ValueError("no")
    outcomes = await together(database, add("a"), add_then_raise("b", error), add("c"))
    assert outcomes[1] is error
    assert database.read(texts) == ["a", "c"]


async def test_a_broken_constraint_passes_as_it_is_and_undoes_only_its_own_work(database: Database) -> None:
    outcomes = await together(database, add("same"), add("same"), add("other"))
    assert isinstance(outcomes[1], sqlite3.IntegrityError)
    assert database.read(texts) == ["same", "other"]


async def test_bad_sql_passes_as_it_is(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="syntax"):
        await database.write(execute("SELEKT 1"))


@pytest.mark.parametrize("call", [Database.write, Database.scan])
async def test_a_stop_iteration_does_not_leave_the_caller_waiting(database: Database, call: Any) -> None:
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(call(database, lambda connection: next(iter(()))), 10)


async def test_a_failed_commit_fails_the_whole_group_and_leaves_nothing(database: Database) -> None:
    outcomes = await together(database, add("a"), execute("INSERT INTO links VALUES (99)"), add("b"))
    assert [type(outcome) for outcome in outcomes] == [sqlite3.IntegrityError] * 3
    assert database.read(texts) == []
    await database.write(add("afterwards"))
    assert database.read(texts) == ["afterwards"]


async def test_a_rollback_by_sqlite_itself_fails_the_whole_group(database: Database) -> None:
    outcomes = await together(database, add("a"), add("b"), execute("INSERT OR ROLLBACK INTO notes VALUES (1, 'x')"))
    assert [type(outcome) for outcome in outcomes] == [sqlite3.IntegrityError] * 3
    assert database.read(texts) == []


# Cancellation


async def test_a_cancelled_caller_breaks_neither_its_group_nor_the_next(database: Database) -> None:
    async with held_writer(database) as held:
        waiting = [asyncio.create_task(database.write(add(f"note {n}"))) for n in range(10)]
        await asyncio.sleep(0)
        held.cancel()
        waiting[3].cancel()
        await asyncio.sleep(0)
    assert held.cancelled()
    assert waiting[3].cancelled()
    others = [task for n, task in enumerate(waiting) if n != 3]
    assert len(await asyncio.wait_for(asyncio.gather(*others), 10)) == 9
    assert await database.write(add("later")) == 12


async def test_a_cancelled_write_is_either_whole_or_not_there(database: Database) -> None:
    writing = asyncio.create_task(database.write(lambda connection: (add("one")(connection), add("two")(connection))))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    await database.write(add("three"))
    assert database.read(texts) in (["one", "two", "three"], ["three"])


# Readers


@pytest.mark.parametrize("reader", ["read", "scan"])
async def test_readers_see_only_what_is_committed(database: Database, reader: str) -> None:
    async def seen() -> list[str]:
        return database.read(texts) if reader == "read" else await database.scan(texts)

    async with held_writer(database) as writing:
        before = await seen()
    await writing
    assert (before, await seen()) == ([], ["held"])


async def test_a_scan_sees_one_moment_while_writes_go_on(database: Database) -> None:
    await database.write(add("before"))
    async with held_scan(database) as scanning:
        await database.write(add("meanwhile"))
    assert await scanning == (["before"], ["before"])
    assert await database.scan(texts) == ["before", "meanwhile"]


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(ReadOnly):
        database.read(add("no"))
    with pytest.raises(ReadOnly):
        await database.scan(add("no"))
    assert database.read(texts) == []


async def test_a_reader_that_raised_reads_again(database: Database) -> None:
    with pytest.raises(TypeError):
        database.read(lambda connection: connection.execute("SELECT 1").fetchone()["missing"])
    assert database.read(texts) == []


def pragma(name: str) -> Callable[[sqlite3.Connection], Any]:
    return lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_the_writer_is_durable_and_the_only_one_that_checkpoints(database: Database) -> None:
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": BUSY_TIMEOUT_MS,
        "journal_size_limit": JOURNAL_SIZE_LIMIT_BYTES,
        "mmap_size": 0,
        "wal_autocheckpoint": 4000,
        "query_only": 0,
    }
    assert {name: await database.write(pragma(name)) for name in expected} == expected
    assert (database.read(pragma("query_only")), database.read(pragma("wal_autocheckpoint"))) == (1, 0)
    assert (await database.scan(pragma("query_only")), await database.scan(pragma("wal_autocheckpoint"))) == (1, 0)


# Files


async def test_everything_is_for_its_owner_only(database: Database, path: Path) -> None:
    await database.write(add("secret"))
    await database.snapshot(path.parent / "copies" / "copy.db")
    names = names_in(path.parent)
    assert names == {"library.db", "library.db-wal", "library.db-shm", "copies/copy.db"}
    assert {mode(path.parent / name) for name in names} == {0o600}
    assert mode(path.parent) == mode(path.parent / "copies") == 0o700


async def test_a_file_that_others_may_read_is_made_private(path: Path, schema: Schema) -> None:
    make(path, permissions=0o644)
    await (await Database.open(path, [schema])).close()
    assert mode(path) == 0o600


async def test_a_path_may_hold_any_character(tmp_path: Path, schema: Schema) -> None:
    database = await Database.open(tmp_path / "a b?c#d%20é" / "x.db", [schema])
    await database.write(add("there"))
    assert database.read(texts) == ["there"]
    await database.close()


async def test_a_checkpoint_empties_the_wal(database: Database, path: Path) -> None:
    await database.write(add("x" * 10_000))
    wal = path.with_name("library.db-wal")
    assert wal.stat().st_size > 0
    await database.checkpoint()
    assert wal.stat().st_size == 0


async def test_a_checkpoint_does_not_wait_for_a_long_reader(database: Database) -> None:
    await database.write(add("old"))
    async with held_scan(database) as scanning:
        await database.write(add("new"))
        await asyncio.wait_for(database.checkpoint(), BUSY_TIMEOUT_MS / 1000 / 2)
        assert await database.write(pragma("busy_timeout")) == BUSY_TIMEOUT_MS
    assert (await scanning)[0] == ["old"]


# Snapshots


def whole_copy(file: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return texts(copy)


async def test_a_snapshot_taken_during_writes_is_whole(database: Database, tmp_path: Path) -> None:
    await together(database, *(add(f"{n} " + "x" * 5_000) for n in range(200)))
    writing = asyncio.create_task(together(database, *(add(f"more {n} " + "x" * 5_000) for n in range(600))))
    await database.snapshot(tmp_path / "copy.db")
    await writing
    assert len(whole_copy(tmp_path / "copy.db")) >= 200
    assert [name for name in names_in(tmp_path) if name.startswith("copy")] == ["copy.db"]


async def test_a_snapshot_replaces_an_older_one_and_what_a_killed_program_left(
    database: Database, tmp_path: Path
) -> None:
    make(tmp_path / "copy.db", b"older")
    make(tmp_path / "copy.db.partial", b"half of one")
    await database.write(add("now"))
    await database.snapshot(tmp_path / "copy.db")
    assert whole_copy(tmp_path / "copy.db") == ["now"]
    assert "copy.db.partial" not in names_in(tmp_path)


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """What a full disk does to a growing file, the kernel does here to every file of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_snapshot_that_fails_leaves_the_older_one_whole(database: Database, tmp_path: Path) -> None:
    await database.snapshot(tmp_path / "copy.db")
    await together(database, *(add(f"{n} " + "x" * 5_000) for n in range(100)))
    with no_file_larger_than(100_000), pytest.raises(StorageError):
        await database.snapshot(tmp_path / "copy.db")
    assert whole_copy(tmp_path / "copy.db") == []
    assert [name for name in names_in(tmp_path) if name.startswith("copy")] == ["copy.db"]


# A disk that refuses


async def test_a_full_disk_is_told_and_leaves_nothing_half_written(database: Database) -> None:
    await database.write(add("kept"))
    await database.write(execute("PRAGMA max_page_count=12"))
    outcomes = await together(database, add("small"), add("x" * 100_000))
    assert isinstance(outcomes[1], DiskFull)
    assert database.read(texts) in (["kept"], ["kept", "small"])
    assert isinstance(outcomes[0], DiskFull) == ("small" not in database.read(texts))
    await database.write(execute("PRAGMA max_page_count=1000"))
    await database.write(add("room again"))
    assert database.read(execute("PRAGMA integrity_check")) == [("ok",)]


async def test_a_commit_that_cannot_be_written_fails_the_whole_group(database: Database, path: Path) -> None:
    await database.write(add("kept"))
    wal = path.with_name("library.db-wal").stat().st_size
    with no_file_larger_than(wal + 1_000):
        outcomes = await together(database, add("a"), add("b"))
    assert all(isinstance(outcome, StorageError) for outcome in outcomes)
    assert database.read(texts) == ["kept"]
    await database.write(add("room again"))
    assert database.read(texts) == ["kept", "room again"]
    assert database.read(execute("PRAGMA integrity_check")) == [("ok",)]


async def test_a_file_that_is_no_database_is_called_damaged(path: Path, schema: Schema) -> None:
    make(path, b"not a database at all " * 500)
    with pytest.raises(Corrupt, match="damaged"):
        await Database.open(path, [schema])


async def test_a_directory_in_the_way_is_told(path: Path, schema: Schema) -> None:
    make(path / "file")
    with pytest.raises(CannotOpen):
        await Database.open(path, [schema])


async def test_a_foreign_writer_is_told(database: Database, path: Path) -> None:
    await database.write(execute("PRAGMA busy_timeout=10"))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            await database.write(add("no"))
    await database.write(add("free again"))


# The end


async def test_close_finishes_what_was_asked_before(path: Path, schema: Schema) -> None:
    database = await Database.open(path, [schema])
    writing = [asyncio.create_task(database.write(add(f"note {n}"))) for n in range(600)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*writing) == list(range(1, 601))
    assert len(whole_copy(path)) == 600


async def test_after_close_nothing_is_written_and_no_thread_is_left(path: Path, schema: Schema) -> None:
    before = set(threading.enumerate())
    database = await Database.open(path, [schema])
    await database.close()
    await database.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(DatabaseClosed):
        await database.write(add("late"))
    with pytest.raises(DatabaseClosed):
        await database.scan(texts)
    assert names_in(path.parent) == {"library.db"}


async def test_an_open_that_fails_leaves_no_thread(path: Path, schema: Schema) -> None:
    make(path, b"not a database at all " * 500)
    before = set(threading.enumerate())
    with pytest.raises(Corrupt):
        await Database.open(path, [schema])
    assert set(threading.enumerate()) <= before


async def test_a_cancelled_close_still_closes(path: Path, schema: Schema) -> None:
    before = set(threading.enumerate())
    database = await Database.open(path, [schema])
    writing = asyncio.create_task(database.write(add("asked before")))
    await asyncio.sleep(0)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing, writing])
    assert closing.cancelled()
    assert set(threading.enumerate()) <= before
    assert whole_copy(path) == (["asked before"] if writing.exception() is None else [])


NEVER_CLOSES = """
import asyncio, sys
from pathlib import Path
from balados_shared.storage.database import Database

async def main():
    database = await Database.open(Path(sys.argv[1]), [])
    await database.write(lambda connection: None)
    if sys.argv[2] == "raises":
        raise SystemExit(3)

asyncio.run(main())
"""


@pytest.mark.parametrize(("how", "code"), [("returns", 0), ("raises", 3)])
def test_a_program_that_never_closes_still_exits(path: Path, how: str, code: int) -> None:
    ended = subprocess.run([sys.executable, "-c", NEVER_CLOSES, str(path), how], timeout=30, check=False)
    assert ended.returncode == code


@pytest.mark.parametrize(
    ("version", "affected"),
    [((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 51, 2), True), ((3, 51, 3), False)],
)
def test_versions_that_could_corrupt_a_wal(version: tuple[int, ...], affected: bool) -> None:
    assert sqlite_is_affected_by_wal_reset_bug(version) is affected
