"""The two sorts of connections: the one that writes *and* checkpoints, and readers that can do neither.

SQLite 3.7.0 to 3.51.2 can corrupt a WAL when two connections write or checkpoint at the same moment
(sqlite.org/wal.html#walresetbug). So there is exactly one writer, readers are opened read-only, and the writer maps
no memory.
"""

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from balados_shared.storage.errors import CannotOpen, sqlite_door

BUSY_TIMEOUT_MS = 5_000
JOURNAL_SIZE_LIMIT_BYTES = 64 * 1024 * 1024
AUTOCHECKPOINT_PAGES = 4_000
"""A checkpoint stalls the write that meets it; this many pages (16 MB) make it rare."""

CACHE_KIB = 8_000

_WRITER = (
    "PRAGMA foreign_keys=OFF",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA synchronous=FULL",
    "PRAGMA mmap_size=0",
    f"PRAGMA wal_autocheckpoint={AUTOCHECKPOINT_PAGES}",
    f"PRAGMA cache_size=-{CACHE_KIB}",
    f"PRAGMA journal_size_limit={JOURNAL_SIZE_LIMIT_BYTES}",
)
_READER = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA query_only=ON",
    "PRAGMA wal_autocheckpoint=0",
)


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the one connection that writes. It changes nothing yet.

    Foreign keys are off, as migrations need it; whoever writes data turns them on.
    """
    return _open(f"{path.absolute().as_uri()}?mode=rw", _WRITER)


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that cannot write. The writer must be open already, and must be closed last.

    `mode=ro` besides `query_only`, because otherwise the last connection to close checkpoints, whoever it is.
    """
    return _open(f"{path.absolute().as_uri()}?mode=ro", _READER)


def enter_wal_mode(connection: sqlite3.Connection) -> None:
    """Readers go on while the writer writes. Raises `CannotOpen` where SQLite cannot do that (network file systems)."""
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise CannotOpen(
            "SQLite cannot share the disk of the data directory safely. Choose a directory on a local disk."
        )


def truncate_wal(connection: sqlite3.Connection) -> None:
    """Carry the WAL into the database and empty it; with a reader in the way, carry what can be carried."""
    # A long reader must not stop writes for the length of the busy timeout.
    connection.execute("PRAGMA busy_timeout=0")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def _open(uri: str, pragmas: Iterable[str]) -> sqlite3.Connection:
    with sqlite_door, contextlib.ExitStack() as opened:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        opened.callback(connection.close)
        for pragma in pragmas:
            connection.execute(pragma).fetchall()
        opened.pop_all()
        return connection
