"""One SQLite file: one connection writes, in groups; readers see only what is committed.

Law: who opens a database holds the `DataDirectoryLock` of its directory. A write that returned is on the disk
(`synchronous=FULL`), one that raised left nothing. SQL belongs into the functions that are handed in; they fetch
all they need, since their transaction ends with them.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Self, TypeVar, cast

from balados_shared.storage.connections import enter_wal_mode, open_reader, open_writer, truncate_wal
from balados_shared.storage.errors import sqlite_door
from balados_shared.storage.files import make_private_directory, make_private_file
from balados_shared.storage.group_commit import GroupCommit
from balados_shared.storage.migrate import Schema, apply_migrations, pending_migrations
from balados_shared.storage.snapshot import write_snapshot
from balados_shared.storage.threads import ThreadConnection

T = TypeVar("T")


class Database:
    """An open database. Belongs to the event loop that opened it; `close` it there."""

    def __init__(
        self, writer: ThreadConnection, scanner: ThreadConnection, reader: sqlite3.Connection, opened: AsyncExitStack
    ) -> None:
        self._writer = writer
        self._scanner = scanner
        self._reader = reader
        self._opened = opened
        self._groups = GroupCommit(writer)

    @classmethod
    async def open(cls, path: Path, schemas: Sequence[Schema]) -> Self:
        """Open `path`, created with its directory if missing (modes 0600 and 0700), and bring it up to `schemas`.

        Raises `SchemaTooNew` for a database of a newer program, which is left as it was, and other `StorageError`s
        when the disk refuses. Copies made before a migration go to `snapshots` beside the file.
        """
        make_private_directory(path.parent)
        make_private_file(path)
        async with AsyncExitStack() as opened:  # closes in reverse: the writer last, so that it is who checkpoints
            writer = await ThreadConnection.open(partial(open_writer, path))
            opened.push_async_callback(writer.close)
            await writer.run(partial(_prepare, path=path, schemas=schemas))
            scanner = await ThreadConnection.open(partial(open_reader, path))
            opened.push_async_callback(scanner.close)
            reader = open_reader(path)
            opened.callback(reader.close)
            return cls(writer, scanner, reader, opened.pop_all())

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the writer's thread, in a transaction, and return what it returned once that is durable.

        `work` shares its commit with others that wait at the same time, but nothing else: if it raises, its own
        changes are undone and its error is raised here, unchanged unless it is SQLite's. If the COMMIT fails, all
        of the group fail. It must not commit or roll back itself. Cancelling the caller does not take the work
        back: it may still be committed.
        """
        value, error = await self._groups.submit(work)
        if error is not None:
            raise error
        return cast(T, value)

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` here and now on one moment of the database. For short, indexed reads: the event loop waits."""
        return _read(self._reader, work)

    async def scan(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on one moment of the database, in a thread. For reads of more than about a millisecond."""
        return await self._scanner.run(partial(_read, work=work))

    async def snapshot(self, target: Path) -> None:
        """Copy the database as it is now to `target` (mode 0600), whole or not at all, replacing an older copy."""
        await self.scan(partial(write_snapshot, target=target))

    async def checkpoint(self) -> None:
        """Carry the WAL into the database and empty it, as far as readers allow. For idle moments."""
        await self._writer.run(_checkpoint)

    async def close(self) -> None:
        """Finish what was asked before, then close everything. Later writes raise `DatabaseClosed`."""
        try:
            await self._groups.finish()
        finally:
            await self._opened.aclose()


def sqlite_is_affected_by_wal_reset_bug(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether two writers could corrupt a WAL with this SQLite (3.7.0 to 3.51.2, sqlite.org/wal.html#walresetbug).

    One writer per file, as here, avoids it; any other program that writes to the file does not.
    """
    return (3, 7, 0) <= version < (3, 51, 3)


def _prepare(connection: sqlite3.Connection, path: Path, schemas: Sequence[Schema]) -> None:
    with sqlite_door:
        # First of all: a newer database must not even change its journal mode.
        pending = pending_migrations(connection, schemas)
        enter_wal_mode(connection)
        apply_migrations(connection, pending, path.parent / "snapshots")
        connection.execute("PRAGMA foreign_keys=ON")


def _read(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    with sqlite_door:
        connection.execute("BEGIN")
        try:
            return work(connection)
        finally:
            if connection.in_transaction:  # a disk that fails ends it by itself
                connection.execute("ROLLBACK")


def _checkpoint(connection: sqlite3.Connection) -> None:
    with sqlite_door:
        truncate_wal(connection)
