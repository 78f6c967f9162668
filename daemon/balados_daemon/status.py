"""How it stands: what `balados status` and `balados doctor` show."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from balados_daemon.library_service import LibraryService
from balados_daemon.sync.engine import Engine
from balados_daemon.sync.membership import clock_warning
from balados_shared import __version__
from balados_shared.storage import checkpoints, queue, reading
from balados_shared.storage.database import Database, sqlite_is_affected_by_wal_reset_bug
from balados_shared.times import DAY, Instant


class RelayStatus(Struct, frozen=True, kw_only=True):
    """How we stand with the relay. `in_step`: a round went through since the start, or since joining.

    `clock` warns of a wrong clock, `notice` tells what happened by itself.
    """

    url: str
    live: bool
    in_step: bool
    synced_at: str | None
    trouble: str | None
    refused: bool
    notice: str | None
    clock: str | None


class Status(Struct, frozen=True, kw_only=True):
    """The state of this device. `waiting` changes are not at the relay yet, the oldest `since` then."""

    device_id: str
    device_name: str
    version: str
    subscriptions: int
    play_statuses: int
    waiting: int
    waiting_since: str | None
    parked: int
    held: int
    relay: RelayStatus | None
    needs_attention: bool
    """Changes wait for longer than a day, or the relay refuses us."""


class Check(Struct, frozen=True):
    """One thing that the doctor looked at."""

    name: str
    ok: bool
    finding: str


def status(service: LibraryService, engine: Engine, clock: Callable[[], int]) -> Status:
    """Return how it stands now."""
    relay = engine.membership.relay
    waiting = service.queue_summary()
    late = waiting.oldest is not None and clock() - waiting.oldest > DAY
    return Status(
        device_id=service.device.id,
        device_name=service.device.name,
        version=__version__,
        subscriptions=service.number_of("subscription"),
        play_statuses=service.number_of("play_status"),
        waiting=waiting.waiting,
        waiting_since=Instant(waiting.oldest).write() if waiting.oldest is not None else None,
        parked=waiting.parked,
        held=len(service.held()),
        relay=RelayStatus(
            url=relay.url,
            live=engine.live,
            in_step=engine.in_step,
            synced_at=Instant(relay.synced_at).write() if relay.synced_at is not None else None,
            trouble=relay.trouble,
            refused=relay.refused,
            notice=relay.notice,
            clock=clock_warning(service.clock_offset),
        )
        if relay
        else None,
        needs_attention=late or bool(relay and relay.refused),
    )


async def examine(database: Database, service: LibraryService, engine: Engine, data_dir: Path) -> list[Check]:
    """Look at everything that can be wrong with a device. Reads the whole library."""
    wrong = await database.scan(lambda connection: list(checkpoints.wrong_records(connection, service.account)))
    damage = await database.scan(reading.damage)
    return [
        _files(data_dir),
        Check("database", not damage, damage or "whole"),
        Check("log", not wrong, f"{len(wrong)} records differ from the log" if wrong else "proves every record"),
        _sqlite(),
        _queue(service.queue_summary()),
        *_relay(engine, service.clock_offset),
    ]


def _files(data_dir: Path) -> Check:
    open_to_others = [file.name for file in data_dir.iterdir() if file.is_file() and file.stat().st_mode & 0o077]
    finding = f"others can read {', '.join(open_to_others)}; run: chmod 600" if open_to_others else "only yours"
    return Check("files", not open_to_others, finding)


def _sqlite() -> Check:
    if sqlite_is_affected_by_wal_reset_bug():
        advice = "open the library only read-only with other programs while the daemon runs"
        return Check("sqlite", True, f"{sqlite3.sqlite_version}, older than 3.51.3: {advice}")
    return Check("sqlite", True, sqlite3.sqlite_version)


def _queue(summary: queue.Summary) -> Check:
    if summary.parked:
        return Check("queue", False, f"{summary.parked} changes were refused by the relay; see: balados queue")
    return Check("queue", True, f"{summary.waiting} changes wait")


def _relay(engine: Engine, clock_offset: int) -> list[Check]:
    relay = engine.membership.relay
    if relay is None:
        return [Check("relay", True, "none; this device works alone")]
    warning = clock_warning(clock_offset)
    return [
        Check("relay", relay.trouble is None, relay.trouble or ("connected" if engine.live else "reached")),
        Check("clock", warning is None, warning or "right"),
    ]
