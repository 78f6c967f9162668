"""What was acknowledged is on the disk: after a kill, and by the evidence of the system calls themselves."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from support.schemas import NOTES, TemporarySchema, temporary_schema
from support.strace import completed
from support.tools import require_tool, unavailable

CHILD = """
import asyncio, os, sys
from pathlib import Path
from balados_shared.storage.database import Database
from balados_shared.storage.migrate import Schema

path, package, writers, rounds, *pragmas = sys.argv[1:]

async def write(database, number):
    await database.write(lambda connection: connection.execute("INSERT INTO notes VALUES (?, 'x')", (number,)))
    os.write(1, f"ack {number}\\n".encode())

async def main():
    database = await Database.open(Path(path), [Schema("library", package)])
    for pragma in pragmas:
        await database._writer.run(lambda connection: connection.execute(pragma))
    os.write(1, b"ready\\n")
    for round in range(int(rounds)):
        await asyncio.gather(*(write(database, round * int(writers) + n) for n in range(int(writers))))
    await database.close()

asyncio.run(main())
"""


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TemporarySchema:
    return temporary_schema(tmp_path, monkeypatch, {"0001_notes.sql": NOTES})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "library.db"


def child(path: Path, schema: TemporarySchema, *pragmas: str, writers: int, rounds: int) -> list[str]:
    package = schema.schema.package
    return [sys.executable, "-c", CHILD, str(path), package, str(writers), str(rounds), *pragmas]


def acknowledged(output: bytes) -> set[int]:
    return {int(number) for number in re.findall(rb"^ack (\d+)$", output, re.MULTILINE)}


@pytest.mark.parametrize("acks", [1, 40, 1000])
def test_all_that_was_acknowledged_is_there_after_a_kill(path: Path, schema: TemporarySchema, acks: int) -> None:
    command = child(path, schema, writers=16, rounds=1_000_000)
    with subprocess.Popen(command, cwd=schema.package.parent, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        output = b"".join(process.stdout.readline() for _ in range(acks + 1))
        process.send_signal(signal.SIGKILL)
        output += process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    with contextlib.closing(sqlite3.connect(path)) as connection:
        stored = {number for (number,) in connection.execute("SELECT id FROM notes")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(acknowledged(output)) >= acks
    assert acknowledged(output) <= stored


def trace(command: list[str], directory: Path) -> list[str]:
    """The system calls of `command` in the order of their completion, as lines of strace. Skips where it cannot run."""
    require_tool("strace")
    probe = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        unavailable("strace may not trace processes here")
    file = directory / "trace"
    calls = "trace=fsync,fdatasync,write,pwrite64,pwritev,sendto"
    subprocess.run(
        ["strace", "-f", "-y", "-s", "64", "-e", "signal=none", "-e", calls, "-o", file, *command],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    return list(completed(file.read_text(errors="replace").splitlines()))


def unproven(calls: list[str], writers: int) -> list[int]:
    """The acknowledgements before which the WAL was not written and then synced, since the round before them.

    A round's acknowledgements come after all its transactions, so nothing in the WAL may be unsynced at any of them.
    """
    number, written, synced, bad = 0, False, False, []
    for call in calls[next(n for n, call in enumerate(calls) if '"ready' in call) :]:
        if re.match(r"p?write\w*\(\d+<[^>]*-wal>", call):
            written, synced = True, False
        elif re.match(r"f(data)?sync\(\d+<[^>]*-wal>\)\s+= 0", call):
            synced = written
        elif '"ack ' in call:
            if not synced:
                bad.append(number)
            number += 1
            if number % writers == 0:
                written = synced = False
    return bad


@pytest.mark.parametrize(("writers", "rounds"), [(1, 40), (8, 10)])
def test_every_acknowledgement_follows_the_sync_of_its_transaction(
    path: Path, schema: TemporarySchema, writers: int, rounds: int
) -> None:
    calls = trace(child(path, schema, writers=writers, rounds=rounds), schema.package.parent)
    assert sum('"ack ' in call for call in calls) == writers * rounds
    assert unproven(calls, writers) == []


def test_the_proof_fails_when_commits_are_not_synced(path: Path, schema: TemporarySchema) -> None:
    calls = trace(child(path, schema, "PRAGMA synchronous=NORMAL", writers=1, rounds=20), schema.package.parent)
    assert len(unproven(calls, 1)) >= 19
