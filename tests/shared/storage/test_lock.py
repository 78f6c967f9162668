"""One process owns a data directory; others can learn who and where, and only while that is so."""

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from balados_shared.storage.errors import DataDirectoryInUse, StorageError
from balados_shared.storage.lock import Announcement, DataDirectoryLock, read_announcement

OWNER = """
import sys
from pathlib import Path
from balados_shared.storage.lock import DataDirectoryLock

lock = DataDirectoryLock(Path(sys.argv[1]))
lock.announce("http://127.0.0.1:4321")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def owner(data_dir: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that owns the directory, until its input ends."""
    command = [sys.executable, "-c", OWNER, str(data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield process
        process.kill()


def test_a_second_process_is_told_that_the_directory_is_in_use(
    data_dir: Path, owner: "subprocess.Popen[bytes]"
) -> None:
    with pytest.raises(DataDirectoryInUse, match="already uses this data directory"):
        DataDirectoryLock(data_dir)
    assert read_announcement(data_dir) == Announcement(owner.pid, "http://127.0.0.1:4321")


def test_the_lock_ends_with_its_process_however_that_ends(data_dir: Path, owner: "subprocess.Popen[bytes]") -> None:
    owner.send_signal(signal.SIGKILL)
    owner.wait(10)
    assert read_announcement(data_dir) is None
    with DataDirectoryLock(data_dir):
        assert read_announcement(data_dir) == Announcement(os.getpid())


def test_a_released_directory_can_be_taken_again(data_dir: Path) -> None:
    first = DataDirectoryLock(data_dir)
    with pytest.raises(DataDirectoryInUse):
        DataDirectoryLock(data_dir)
    first.release()
    first.release()
    with DataDirectoryLock(data_dir) as second:
        second.announce("http://127.0.0.1:1")
    assert read_announcement(data_dir) is None


def test_a_shorter_announcement_replaces_a_longer_one_whole(data_dir: Path) -> None:
    with DataDirectoryLock(data_dir) as lock:
        lock.announce("http://127.0.0.1:65535/" + "x" * 100)
        lock.announce("http://127.0.0.1:1")
        assert read_announcement(data_dir) == Announcement(os.getpid(), "http://127.0.0.1:1")


def test_a_reader_never_sees_half_an_announcement(data_dir: Path) -> None:
    urls = {"http://127.0.0.1:1", "http://127.0.0.1:2/" + "x" * 200}
    stop = threading.Event()

    def announce_for_ever(lock: DataDirectoryLock) -> None:
        while not stop.is_set():
            for url in urls:
                lock.announce(url)

    with DataDirectoryLock(data_dir) as lock:
        lock.announce(min(urls))
        announcing = threading.Thread(target=announce_for_ever, args=(lock,))
        announcing.start()
        seen = [read_announcement(data_dir) for _ in range(300)]
        stop.set()
        announcing.join(10)
    assert {announcement and announcement.url for announcement in seen} <= urls


def test_those_who_only_ask_do_not_keep_an_owner_out(data_dir: Path) -> None:
    DataDirectoryLock(data_dir).release()
    stop = threading.Event()

    def ask_for_ever() -> None:
        while not stop.wait(0.0005):
            read_announcement(data_dir)

    asking = threading.Thread(target=ask_for_ever)
    asking.start()
    try:
        for _ in range(100):
            DataDirectoryLock(data_dir).release()
    finally:
        stop.set()
        asking.join(10)


def test_nobody_is_there_before_the_first_start(data_dir: Path) -> None:
    assert read_announcement(data_dir) is None


def test_directory_and_lock_are_for_their_owner_only(data_dir: Path) -> None:
    with DataDirectoryLock(data_dir):
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "lock").stat().st_mode) == 0o600


def test_a_file_in_the_way_of_the_directory_is_told(data_dir: Path) -> None:
    data_dir.touch()
    with pytest.raises(StorageError):
        DataDirectoryLock(data_dir)
