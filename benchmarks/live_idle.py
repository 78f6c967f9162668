"""What a live connection costs the relay while nothing happens: memory.

Budget: 5,000 idle connections, all of which showed a token and follow the library, on one relay process: ≤ 200 MB.
The other ends are in this process, over loopback.
"""

import asyncio
import resource
import tempfile
from pathlib import Path

from benchmarks import devices, procfs, programs
from benchmarks.listeners import listen
from benchmarks.report import Figure

SPARE_FILES = 500
QUIET_S = 3


async def measure(smoke: bool) -> list[Figure]:
    """Answer the question."""
    number = _as_files_allow(50 if smoke else 5_000)
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as place, programs.relay(Path(place, "relay")) as relay:
        key = await devices.pair(relay)
        warm = await listen(relay.url, key, 10)
        before = procfs.resident_mb(relay.pid)
        listeners = await listen(relay.url, key, number)
        await asyncio.sleep(0.5 if smoke else QUIET_S)
        resident = procfs.resident_mb(relay.pid)
        for listener in (*warm, *listeners):
            listener.close()
    return [
        Figure(what=f"{number:,} idle live connections, resident", value=resident, unit="MB", at_most=200),
        Figure(what="each of them", value=(resident - before) * 1_000 / number, unit="kB"),
    ]


def _as_files_allow(wanted: int) -> int:
    """Raise the limit of open files as far as it goes; the relay, started from here, inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < enough:
        soft = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(wanted, soft - SPARE_FILES) if soft != resource.RLIM_INFINITY else wanted
