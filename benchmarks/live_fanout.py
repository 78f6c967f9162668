"""How long one change takes to reach 1,000 listeners of one relay.

Budget: p99 over the listeners ≤ 60 ms, from sending the change until the listener has the whole message. The listeners
share this process, so their own work on 1,000 messages is in the figure.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import devices, programs
from benchmarks.client import Api
from benchmarks.devices import Device, Key
from benchmarks.listeners import Listener, listen, told
from benchmarks.measuring import p50, p99
from benchmarks.report import Figure

WARM_UP = 3


async def measure(smoke: bool) -> list[Figure]:
    """Answer the question."""
    number, changes = (20, 3) if smoke else (1_000, 30)
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as place, programs.relay(Path(place, "relay")) as relay:
        key = await devices.pair(relay)
        listeners = await listen(relay.url, key, number)
        rounds = await _changes(relay.url, key, listeners, WARM_UP + changes)
        for listener in listeners:
            listener.close()
    rounds = rounds[WARM_UP:]
    last = [[max(samples)] for samples in rounds]
    return [
        Figure(what=f"one change to {number:,} listeners, p50", value=p50(rounds), unit="ms"),
        Figure(what=f"one change to {number:,} listeners, p99", value=p99(rounds), unit="ms", at_most=60),
        Figure(what="until the last one has it, p50", value=p50(last), unit="ms"),
    ]


async def _changes(url: str, key: Key, listeners: Sequence[Listener], changes: int) -> list[list[float]]:
    device = Device("writer")
    rounds: list[list[float]] = []
    for change in range(changes):
        body = device.body(change)
        signed = await Api.connect(url, key.token(device.device_id))
        begun = time.perf_counter()
        answer = await signed.send("/sync", body)
        rounds.append(await told(listeners, begun))
        device.cursor = answer["cursor"]
        signed.close()
    return rounds
