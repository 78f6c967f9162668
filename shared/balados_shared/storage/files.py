"""Files and directories that only their owner may read: feed URLs in them may carry secrets (DESIGN.md section 1).

Every function here raises `StorageError` when the file system refuses.
"""

import contextlib
import os
from pathlib import Path

from balados_shared.storage.errors import file_door

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


def make_private_directory(path: Path) -> None:
    """Create `path` (mode 0700) with its parents, durably. One that exists is left as it is."""
    with file_door:
        if path.is_dir():
            return
        path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        sync_directory(path.parent)


def make_private_file(path: Path) -> None:
    """Create an empty file (mode 0600), or take away other people's rights to the one that is there."""
    with file_door:
        # Never open one that exists: closing any descriptor of it drops SQLite's locks (sqlite.org/howtocorrupt.html).
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE_FILE)


def sync_directory(path: Path) -> None:
    """Make what was created in or renamed into the directory survive a power cut."""
    with file_door:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
