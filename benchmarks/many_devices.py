"""How many syncs a second 16 devices get out of one relay, each with one change, without pause.

Budget: at least half of what a bare Litestar app does that reads the same body and commits one small row, durably and
in groups. Over HTTP, which is like for like; and over the live connection, which is how our devices do it.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from statistics import median

import msgspec

from benchmarks import devices, programs
from benchmarks.client import Api
from benchmarks.devices import Device, Key
from benchmarks.listeners import Listener, connect
from benchmarks.measuring import in_turns
from benchmarks.report import Figure

DEVICES = 16
AN_HOUR_S = 3_600

Exchange = Callable[[bytes], Awaitable[str | None]]
"""Sends a request body; returns the cursor of the answer."""


async def measure(smoke: bool) -> list[Figure]:
    """Answer the question."""
    each, rounds = (5, 1) if smoke else (100, 5)
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as place:
        directory = Path(place)
        (directory / "bare.db").touch()
        with programs.relay(directory / "relay") as relay, programs.bare_server(store=directory / "bare.db") as bare:
            key = await devices.pair(relay)
            fleet = [Device(f"device-{number}", number) for number in range(DEVICES)]
            over_http = [await _http(relay.url, key, device) for device in fleet]
            over_live = [await _live(relay.url, key, device) for device in fleet]
            at_bare = [await _bare(bare.url) for _ in fleet]
            await _syncs(fleet, over_http, 20)  # it is warm, and nobody is behind
            samples = await in_turns(
                rounds,
                bare=lambda: _syncs(fleet, at_bare, each),
                http=lambda: _syncs(fleet, over_http, each),
                live=lambda: _syncs(fleet, over_live, each),
            )
    limit = median(rate for [rate] in samples["bare"])
    return [
        Figure(
            what=f"{DEVICES} devices sync, {how}", value=median(rate for [rate] in samples[name]), unit="/s",
            limit=limit, limit_of="a bare Litestar POST, one small row", at_least=0.5, judged="ratio",
        )
        for name, how in (("http", "over HTTP"), ("live", "live"))
    ]  # fmt: skip


async def _syncs(fleet: list[Device], exchanges: list[Exchange], each: int) -> list[float]:
    """Let every device sync so many times; return the syncs a second of all together."""
    begun = time.perf_counter()
    await asyncio.gather(*(_one(*pair, each) for pair in zip(fleet, exchanges, strict=True)))
    return [len(fleet) * each / (time.perf_counter() - begun)]


async def _one(device: Device, exchange: Exchange, times: int) -> None:
    for change in range(times):
        device.cursor = await exchange(device.body(change)) or device.cursor


async def _http(url: str, key: Key, device: Device) -> Exchange:
    api = await Api.connect(url, key.token(device.device_id, AN_HOUR_S))
    return lambda body: _asked(api, "/sync", body)


async def _bare(url: str) -> Exchange:
    api = await Api.connect(url)
    return lambda body: _asked(api, "/store", body)


async def _asked(api: Api, path: str, body: bytes) -> str | None:
    answer: dict[str, str] = await api.send(path, body)
    return answer.get("cursor")


async def _live(url: str, key: Key, device: Device) -> Exchange:
    listener = await connect(url, key.token(device.device_id))
    numbers = count(1)
    return lambda body: _said(listener, b'{"type":"sync","id":%d,' % next(numbers) + body[1:])


async def _said(listener: Listener, message: bytes) -> str | None:
    answer: dict[str, str] = msgspec.json.decode(await listener.ask(message))
    if "cursor" not in answer:
        raise RuntimeError(f"no sync: {answer}")
    return answer["cursor"]
