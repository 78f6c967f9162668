"""One process owns a data directory, and says there how to reach it (DESIGN.md section 5, "two writers, one file").

The kernel's lock on `<data directory>/lock` is the truth and ends with the process, however it ends. What the file
holds is only a note: `{"pid": …, "url": …}`.
"""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from balados_shared.storage.errors import DataDirectoryInUse, file_door
from balados_shared.storage.files import PRIVATE_FILE, make_private_directory

_ATTEMPTS = 20
_PAUSE_SECONDS = 0.01


class Announcement(msgspec.Struct, frozen=True):
    """Who owns a data directory: the process, and the URL it answers at once it does."""

    pid: int
    url: str | None = None


class DataDirectoryLock:
    """Holds `data_dir`, which is created if missing, from construction to `release`, or to the end of the process.

    Raises `DataDirectoryInUse` when another process has it for longer than `patience` seconds, and `StorageError` when
    the disk refuses.
    """

    def __init__(self, data_dir: Path, *, patience: float = 0.2) -> None:
        make_private_directory(data_dir)
        with file_door:
            self._descriptor = os.open(_lock_file(data_dir), os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        if not _lock_patiently(self._descriptor, patience):
            os.close(self._descriptor)
            raise DataDirectoryInUse
        self._write(Announcement(os.getpid()))

    def announce(self, url: str) -> None:
        """Tell other programs of this machine where this one answers."""
        self._write(Announcement(os.getpid(), url))

    def release(self) -> None:
        """Give the directory back. A second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _write(self, announcement: Announcement) -> None:
        # In place: a renamed file would be another file, with another lock. A reader that sees half of it looks again.
        with file_door:
            written = os.pwrite(self._descriptor, msgspec.json.encode(announcement), 0)
            os.ftruncate(self._descriptor, written)


def read_announcement(data_dir: Path) -> Announcement | None:
    """Who owns `data_dir` now, or None when nobody does or the owner has not said yet."""
    file = _lock_file(data_dir)
    if not file.exists():
        return None
    with file_door:
        descriptor = os.open(file, os.O_RDONLY)
    try:
        return _read_while_held(descriptor)
    finally:
        os.close(descriptor)


def _read_while_held(descriptor: int) -> Announcement | None:
    for _ in range(_ATTEMPTS):
        if _lock(descriptor, fcntl.LOCK_SH):
            return None
        try:
            return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Announcement)
        except msgspec.DecodeError:
            time.sleep(_PAUSE_SECONDS)
    return None


def _lock_patiently(descriptor: int, patience: float) -> bool:
    """Try for a moment, because one who only asks who is there holds the lock for an instant too."""
    for _ in range(max(1, int(patience / _PAUSE_SECONDS))):
        if _lock(descriptor, fcntl.LOCK_EX):
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def _lock(descriptor: int, kind: int) -> bool:
    with file_door:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _lock_file(data_dir: Path) -> Path:
    return data_dir / "lock"
