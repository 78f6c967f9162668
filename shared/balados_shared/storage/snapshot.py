"""A copy of a database while it is in use: whole, or not there at all.

It is written under another name, synced, and renamed into place. The copy is one file without a WAL.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from balados_shared.storage.errors import file_door, sqlite_door
from balados_shared.storage.files import make_private_directory, make_private_file, sync_directory


def write_snapshot(source: sqlite3.Connection, target: Path) -> None:
    """Copy what `source` sees now to `target` (mode 0600), replacing an older copy. Creates its directory.

    Raises `StorageError`; then an older copy is still there, whole.
    """
    make_private_directory(target.parent)
    partial = target.with_name(f"{target.name}.partial")
    _remove(partial)  # left by a program that was killed
    try:
        make_private_file(partial)
        _copy(source, partial)
        with file_door:
            partial.replace(target)
        sync_directory(target.parent)
    finally:
        _remove(partial)


def _copy(source: sqlite3.Connection, target: Path) -> None:
    with sqlite_door, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        copy.execute("PRAGMA synchronous=FULL")
        # Not VACUUM INTO, which a query-only connection may not run. All pages in one step: one moment of the database.
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()


def _remove(partial: Path) -> None:
    with file_door:
        for suffix in ("", "-journal", "-wal", "-shm"):
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)
