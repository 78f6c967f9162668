"""The relay's jobs, killed in the middle again and again: nothing needs repair, and in the end all is done."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from sqlite3 import Connection

import pytest

from balados_relay.app import SCHEMAS
from balados_relay.maintenance import JOBS, run_jobs
from balados_relay.storage import accounts as storage
from balados_relay.storage import people
from balados_shared.edit import like, progress, subscribe, unlike, unsubscribe
from balados_shared.fingerprint import fingerprint
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.storage import reading
from balados_shared.storage.checkpoints import KEPT, wrong_records
from balados_shared.storage.database import Database
from balados_shared.storage.library import Library
from balados_shared.times import DAY
from support.strategies import NOON

LATER = NOON + KEPT + 30 * DAY
SECRET = "what somebody wrote"
KILLS = 60 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 5

CHILD = """
import asyncio, os, sys
from pathlib import Path
from balados_relay.maintenance import JOBS, run_jobs
from balados_shared.storage.database import Database
from balados_shared.storage.migrate import Schema

path, now, *packages = sys.argv[1:]
write = Database.write

async def write_and_tell(self, work):
    value = await write(self, work)
    os.write(1, b".")
    return value

async def main():
    schemas = [Schema(*package.split("=")) for package in packages]
    database = await Database.open(Path(path), schemas)
    Database.write = write_and_tell
    await run_jobs(database, JOBS, lambda: int(now))
    os.write(1, b"!")
    await database.close()

asyncio.run(main())
"""
"""Does the jobs, with a dot for each transaction that is done, and an exclamation mark at the end."""


def _library(connection: Connection, account: int, feeds: int) -> None:
    """A life of a month: feeds that come and, every second one, go; likes that go; an episode of each."""
    with Library(connection, account) as library:
        for number in range(feeds):
            feed, at = FeedId.of(f"https://feeds.example/{account}/{number}"), NOON + number * 1_000
            library.edit(subscribe(feed, title=SECRET), device="A", now=at)
            library.edit(progress(feed, EpisodeId.of(f"guid {number}", None), position=number), device="A", now=at)
            library.edit(like(feed), device="B", now=at + 1)
            library.edit(unlike(feed), device="A", now=at + 2)
            if number % 2:
                library.edit(unsubscribe(feed), device="B", now=at + 3)


def _fill(connection: Connection) -> None:
    stays, goes = [
        storage.create_account(connection, user_id=name, name=name, now=NOON).id for name in ("stays", "goes")
    ]
    _library(connection, stays, 1_000)
    _library(connection, goes, 300)
    people.delete_account(connection, goes, NOON)
    for number in range(50):
        people.add_session(
            connection, stays, bytes([number]), agent="", remembered=False, now=NOON, expires=NOON + number * DAY
        )


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """The file of a relay with some thousand records, whose log is old."""
    database = await Database.open(tmp_path / "relay.db", SCHEMAS)
    await database.write(_fill)
    await database.close()
    return tmp_path / "relay.db"


def run_and_kill(path: Path, dots: int, seconds: float) -> bool:
    """Do the jobs in a process that is killed after some transactions; whether it came to its end before."""
    packages = [f"{schema.name}={schema.package}" for schema in SCHEMAS]
    command = [sys.executable, "-W", "error", "-c", CHILD, str(path), str(LATER), *packages]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        seen = process.stdout.read(dots)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        return b"!" in seen + process.stdout.read()


def check(path: Path, account: int, fingerprint_before: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert list(wrong_records(connection, account)) == []
        assert fingerprint(reading.values(connection, account)) == fingerprint_before
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchone() is None


async def test_jobs_that_are_killed_at_any_moment_need_no_repair(path: Path) -> None:
    dice, account = random.Random(20260403), 1
    with contextlib.closing(sqlite3.connect(path)) as connection:
        before = fingerprint(reading.values(connection, account))
        records = connection.execute("SELECT count(*) FROM records WHERE account = 1").fetchone()
    killed_inside = 0
    for _ in range(KILLS):
        killed_inside += not run_and_kill(path, dice.randint(1, 5), dice.uniform(0, 0.02))
        check(path, account, before)
    assert killed_inside >= 3
    database = await Database.open(path, SCHEMAS)
    first = await run_jobs(database, JOBS, lambda: LATER)
    again = await run_jobs(database, JOBS, lambda: LATER)
    await database.close()
    assert all(result.number is not None for result in first)
    assert [result.number for result in again] == [0] * len(JOBS)
    check(path, account, before)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM records WHERE account = 1").fetchone() == records
        assert connection.execute("SELECT count(*) FROM records WHERE account <> 1").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
        gone = connection.execute("SELECT count(*) FROM records WHERE NOT present").fetchone()
        stubs = connection.execute("SELECT count(*) FROM records WHERE state ->> '$.purged'").fetchone()
        assert gone == stubs == (1_500,)
