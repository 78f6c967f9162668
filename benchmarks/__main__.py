"""`python -m benchmarks [NAME …] [--smoke] [--json FILE]`: measure, print a table, keep the figures."""

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from balados_shared import terminal
from balados_shared.http.server import run
from benchmarks import (
    first_sync,
    incremental_sync,
    live_fanout,
    live_idle,
    many_devices,
    position_write,
    propagation,
    start,
    token_overhead,
    traffic,
)
from benchmarks.report import HEADS, NUMBERS, Figure, cells

QUESTIONS: dict[str, Callable[[bool], Awaitable[list[Figure]]]] = {
    "position_write": position_write.measure,
    "propagation": propagation.measure,
    "first_sync": first_sync.measure,
    "incremental_sync": incremental_sync.measure,
    "live_idle": live_idle.measure,
    "live_fanout": live_fanout.measure,
    "token_overhead": token_overhead.measure,
    "many_devices": many_devices.measure,
    "start": start.measure,
    "traffic": traffic.measure,
}


def main() -> int:
    """Measure what was asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the budgets.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"which to measure: {', '.join(QUESTIONS)}")
    parser.add_argument("--smoke", action="store_true", help="everything in small: only whether it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to a file")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - QUESTIONS.keys()):
        parser.error(f"there is no benchmark {', '.join(unknown)}")
    machine = _machine()
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    figures: dict[str, list[Figure]] = {}
    with _compiled_bytecode():
        status = run(_measure(options.names or list(QUESTIONS), options.smoke, figures))
    if options.json:
        rows = {name: [figure.with_verdict() for figure in found] for name, found in figures.items()}
        report = msgspec.json.encode({"machine": machine, "smoke": options.smoke, "figures": rows})
        options.json.write_bytes(msgspec.json.format(report))
    return status


async def _measure(names: list[str], smoke: bool, figures: dict[str, list[Figure]]) -> int:
    """Measure one question after the other and show each answer at once."""
    for name in names:
        load = os.getloadavg()[0]
        figures[name] = await QUESTIONS[name](smoke)
        print(f"\n{name}: load {load:.1f} before, {os.getloadavg()[0]:.1f} after")
        terminal.table(HEADS, [cells(figure) for figure in figures[name]], numbers=NUMBERS)
    return 0


@contextmanager
def _compiled_bytecode() -> Iterator[None]:
    """Let the programs run from compiled bytecode, as installed ones do, also where a checkout keeps none."""
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as cache:
        os.environ["PYTHONPYCACHEPREFIX"] = cache
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        yield


def _machine() -> dict[str, str]:
    return {
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "kernel": platform.release(),
    }


if __name__ == "__main__":
    sys.exit(main())
