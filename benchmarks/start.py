"""How fast the programs start, and what they cost while nobody asks anything of them.

Budget: a daemon ≤ 0.6 s to the first answer and idle ≤ 60 MB, a relay < 80 MB (DESIGN.md sections 9 and 7); no wake-ups
beyond the timers they need. An idle program is one that no device is connected to. The machine's own limit: a bare
Litestar app on the same server set-up.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from statistics import median

from balados_daemon.app import SCHEMAS as DAEMON_SCHEMAS
from balados_relay.app import SCHEMAS as RELAY_SCHEMAS
from benchmarks import procfs, programs, seed
from benchmarks.client import Api
from benchmarks.measuring import in_turns
from benchmarks.programs import Program
from benchmarks.report import Figure

Start = Callable[[int], AbstractContextManager[Program]]


async def measure(smoke: bool) -> list[Figure]:
    """Answer the question."""
    records, rounds, idle_s = (1_000, 1, 0.5) if smoke else (100_000, 7, 10.0)
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as place:
        starts = await _starts(Path(place), records, smoke)
        for start in [] if smoke else starts.values():
            await _start(start)  # compiles the bytecode and makes the databases
        sides = {name: partial(_start, start) for name, start in starts.items()}
        samples = await in_turns(rounds, **sides)
        limit = _medians(samples.pop("bare"))
        figures = [figure for name in samples for figure in _told(name, _medians(samples[name]), limit)]
        for name, start in starts.items():
            figures += await _idle(name, start, idle_s)
        return figures


async def _starts(place: Path, records: int, smoke: bool) -> dict[str, Start]:
    await seed.fill(place / "daemon" / "library.db", DAEMON_SCHEMAS, subscriptions=1_000, statuses=records)
    await seed.fill(place / "relay" / "relay.db", RELAY_SCHEMAS, subscriptions=1_000, statuses=records)
    filled: dict[str, Start] = {
        "bare": lambda port: programs.bare_server(port=port),
        f"daemon, {records:,} records": lambda port: programs.daemon(place / "daemon", port=port),
        f"relay, {records:,} records": lambda port: programs.relay(place / "relay", port=port),
    }
    empty: dict[str, Start] = {
        "daemon, empty": lambda port: programs.daemon(place / "empty daemon", port=port),
        "relay, empty": lambda port: programs.relay(place / "empty relay", port=port),
    }
    return filled if smoke else filled | empty


async def _start(start: Start) -> list[float]:
    """Return the seconds to the first answer and to the ready line."""
    port = programs.free_port()
    asking = asyncio.create_task(_until_answered(port, time.perf_counter()))
    program = start(port)
    running = await asyncio.to_thread(program.__enter__)
    answered = await asking
    await asyncio.to_thread(program.__exit__, None, None, None)
    return [answered, running.started_s]


async def _until_answered(port: int, begun: float) -> float:
    async with asyncio.timeout(programs.SECONDS_TO_START):
        while True:
            try:
                api = await Api.connect(f"http://127.0.0.1:{port}")
                await api.get("/health")
            except OSError:
                await asyncio.sleep(0.002)
            else:
                api.close()
                return time.perf_counter() - begun


def _medians(rounds: list[list[float]]) -> list[float]:
    return [median(seconds) for seconds in zip(*rounds, strict=True)]


def _told(name: str, seconds: list[float], limit: list[float]) -> list[Figure]:
    whats = (f"{name}: start to first answer", f"{name}: start to ready line")
    return [
        Figure(
            what=what,
            value=value,
            unit="s",
            at_most=_START.get(name.partition(",")[0]),
            limit=bare,
            limit_of="a bare Litestar app",
        )
        for what, value, bare in zip(whats, seconds, limit, strict=True)
    ]


_START = {"daemon": 0.6}
_IDLE = {"daemon": 60, "relay": 80}
"""Budgets, by program."""


async def _idle(name: str, start: Start, seconds: float) -> list[Figure]:
    """Look at a program that nobody asks anything."""
    with start(0) as program:
        await asyncio.sleep(min(seconds, 2.0))
        before = procfs.wake_ups(program.pid)
        await asyncio.sleep(seconds)
        woken = (procfs.wake_ups(program.pid) - before) / seconds
        budget = _IDLE.get(name.partition(",")[0])
        return [
            Figure(what=f"{name}: idle, resident", value=procfs.resident_mb(program.pid), unit="MB", at_most=budget),
            Figure(what=f"{name}: idle, wake-ups", value=woken, unit="per s"),
        ]
