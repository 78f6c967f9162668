"""How long the first sync of 1,000 subscriptions and 100,000 play statuses takes, up and down, and what memory.

Budget: ≤ 5 s each way, ≤ 200 MB resident. From the person's click until all is stored at the other end, the preview of
what joining would do included. The machine's own limit: SQLite alone storing the same rows at one end, in pages of
1,000 and in the order of the keys.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from balados_daemon.app import SCHEMAS
from balados_shared.storage.database import Database
from benchmarks import bare_sqlite, procfs, programs, seed
from benchmarks.programs import Program
from benchmarks.report import Figure

SECONDS = 600


async def measure(smoke: bool) -> list[Figure]:
    """Answer the question."""
    subscriptions, statuses = (50, 2_000) if smoke else (1_000, 100_000)
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as place:
        directory = Path(place)
        full = directory / "full" / "library.db"
        await seed.fill(full, SCHEMAS, subscriptions=subscriptions, statuses=statuses)
        limit = await _bare(full, directory / "bare.db")
        with programs.relay(directory / "relay") as relay:
            figures = await _join(directory / "full", relay, "up", limit)
            return figures + await _join(directory / "fresh", relay, "down", limit)


async def _join(data_dir: Path, relay: Program, way: str, limit: float) -> list[Figure]:
    """Let a device join and wait until both hold everything."""
    with programs.daemon(data_dir) as daemon:
        device = await programs.api_of(daemon)
        begun = time.perf_counter()
        await programs.pair(device, relay)
        joined = time.perf_counter() - begun
        await _until(lambda: _in_step(daemon, relay))
        seconds = time.perf_counter() - begun
        device.close()
        memory = {"daemon": procfs.peak_mb(daemon.pid), "relay": procfs.peak_mb(relay.pid)}
    stored = "SQLite storing the same rows"
    return [
        Figure(what=f"{way}: in step", value=seconds, unit="s", at_most=5, limit=limit, limit_of=stored),
        Figure(what=f"{way}: of that the preview", value=joined, unit="s"),
        *(Figure(what=f"{way}: {who}, peak memory", value=mb, unit="MB", at_most=200) for who, mb in memory.items()),
    ]


async def _bare(full: Path, target: Path) -> float:
    empty = await Database.open(target, SCHEMAS)
    await empty.close()
    return await asyncio.to_thread(bare_sqlite.store_pages, full, target, 1_000)


def _in_step(daemon: Program, relay: Program) -> bool:
    """Whether nothing waits and the device has all of the relay's history; asked of the files, to disturb nobody."""
    here = _ask(
        daemon.data_dir / "library.db",
        "SELECT cursor FROM relays WHERE synced_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM queue)",
    )
    there = _ask(relay.data_dir / "relay.db", "SELECT revision || '.' || tag FROM libraries")
    return here is not None and here == there


def _ask(file: Path, question: str) -> str | None:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        row = connection.execute(question).fetchone()
        return str(row[0]) if row else None
    finally:
        connection.close()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - it comes about in another process
            await asyncio.sleep(0.02)
