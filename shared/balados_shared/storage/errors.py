"""What can go wrong with the disk, in sentences that tell a person what to do.

Law: errors of SQLite and of the file system become `StorageError` here, at the door (DESIGN.md section 5). What is
a mistake in our own code (a broken constraint, bad SQL) passes as it is, so that it crashes loudly in tests.
"""

import errno
import sqlite3
from types import TracebackType
from typing import ClassVar

from balados_shared.errors import BaladosError


class StorageError(BaladosError):
    """The database could not do what was asked; nothing was half-written. Its text says what a person can do."""

    advice: ClassVar[str] = "The database could not be used."

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.advice)


class DiskFull(StorageError):
    advice = "The disk is full. Nothing of this change was written. Free some space and try again."


class ReadOnly(StorageError):
    advice = (
        "The data directory cannot be written. Check that it belongs to you "
        "and that its disk is not mounted read-only or protected."
    )


class DiskFailed(StorageError):
    advice = (
        "The disk reported an error while reading or writing the database. "
        "Check the disk and its free space, then start the program again."
    )


class Corrupt(StorageError):
    advice = (
        "The database file is damaged. Stop the program, keep a copy of the data directory, "
        "and restore the newest snapshot."
    )


class Busy(StorageError):
    advice = "Another program is writing to the database. Close it and try again."


class CannotOpen(StorageError):
    advice = "The database file cannot be opened. Check that the data directory exists and belongs to you."


class SchemaTooNew(StorageError):
    advice = "This database was written by a newer version of Balados. Update the program; nothing was changed."


class DataDirectoryInUse(StorageError):
    advice = "Another Balados program already uses this data directory. Stop it first, or choose another directory."


class DatabaseClosed(StorageError):
    advice = "The database is closed, because the program is stopping. Start it again and repeat the change."


_BY_SQLITE_CODE: dict[int, type[StorageError]] = {
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_READONLY: ReadOnly,
    sqlite3.SQLITE_PERM: ReadOnly,
    sqlite3.SQLITE_IOERR: DiskFailed,
    sqlite3.SQLITE_CORRUPT: Corrupt,
    sqlite3.SQLITE_NOTADB: Corrupt,
    sqlite3.SQLITE_BUSY: Busy,
    sqlite3.SQLITE_CANTOPEN: CannotOpen,
}

_BY_ERRNO: dict[int, type[StorageError]] = {
    errno.ENOSPC: DiskFull,
    errno.EDQUOT: DiskFull,
    errno.EROFS: ReadOnly,
    errno.EACCES: ReadOnly,
    errno.EPERM: ReadOnly,
    errno.ENOTDIR: CannotOpen,
    errno.EEXIST: CannotOpen,
    errno.EISDIR: CannotOpen,
}


class _SqliteDoor:
    """Errors of SQLite that pass through this `with` block come out as `StorageError`; our own mistakes as they are."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, sqlite3.Error):
            # The low byte is the primary code; the rest says where exactly it happened (sqlite.org/rescode.html).
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _BY_SQLITE_CODE:
                raise _BY_SQLITE_CODE[code] from error


class _FileDoor:
    """Errors of the file system that pass through this `with` block come out as `StorageError`."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise _BY_ERRNO.get(error.errno or 0, DiskFailed) from error


# Plain objects, not generators: a short read passes this door in well under a microsecond.
sqlite_door = _SqliteDoor()
file_door = _FileDoor()
