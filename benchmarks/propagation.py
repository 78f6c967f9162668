"""How long from a pause on one device until the player of another device is told, over a relay.

Budget: p50 ≤ 15 ms, p99 ≤ 60 ms. The machine's own limit of that way is a bare POST, one and a half times a bare
WebSocket echo (three hops), and three durable commits, one after the other.
"""

import asyncio
import tempfile
import time
from itertools import count
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from balados_daemon.app import SCHEMAS
from benchmarks import bare_sqlite, programs, seed
from benchmarks.bare_sqlite import GroupedCommits
from benchmarks.client import Api, Player, until_live
from benchmarks.measuring import each_timed, in_turns, p50, p99
from benchmarks.report import Figure

WARM_UP = 30


async def measure(smoke: bool) -> list[Figure]:
    """Answer the question."""
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as place:
        directory = Path(place)
        await seed.fill(directory / "bare.db", SCHEMAS, subscriptions=0, statuses=1_000)
        with (
            programs.relay(directory / "relay") as relay,
            programs.daemon(directory / "a") as one,
            programs.daemon(directory / "b") as other,
            programs.bare_server() as bare,
        ):
            here, there = await programs.api_of(one), await programs.api_of(other)
            for device in (here, there):
                await programs.pair(device, relay)
                await until_live(device)
            return await _in_turns(here, await Player.listening(there), bare.url, directory / "bare.db", smoke)


async def _in_turns(here: Api, player: Player, bare_url: str, bare_file: Path, smoke: bool) -> list[Figure]:
    each, rounds = (30, 1) if smoke else (100, 5)
    server, echo = await Api.connect(bare_url), await connect(f"ws{bare_url[4:]}/api/v1/echo", compression=None)
    commits, numbers = GroupedCommits(bare_file), count(10_000)
    await _pauses(here, player, numbers, WARM_UP)
    samples = await in_turns(
        rounds,
        real=lambda: _pauses(here, player, numbers, each),
        post=lambda: each_timed([lambda: server.post("/play", seed.report(1, 1.0))] * each),
        echo=lambda: each_timed([lambda: _echo(echo)] * each),
        commit=lambda: each_timed([lambda: commits.write(bare_sqlite.alike, next(numbers))] * each),
    )
    commits.close()
    server.close()
    await echo.close()
    await player.close()
    limit = p50(samples["post"]) + 1.5 * p50(samples["echo"]) + 3 * p50(samples["commit"])
    way = "a bare POST, 3 WebSocket hops, 3 commits (p50)"
    told = (("p50", p50, 15), ("p99", p99, 60))
    return [
        Figure(
            what=f"pause here, told there, {name}", value=pick(samples["real"]), unit="ms", at_most=budget,
            limit=limit, limit_of=way,
        )
        for name, pick, budget in told
    ]  # fmt: skip


async def _pauses(here: Api, player: Player, numbers: "count[int]", pauses: int) -> list[float]:
    return [await until_told(here, player, next(numbers)) for _ in range(pauses)]


async def until_told(here: Api, player: Player, number: int) -> float:
    """Pause here; return the milliseconds until the player there is told."""
    begun = time.perf_counter()
    told = asyncio.create_task(player.hears(number + 0.25))
    await here.post("/play", seed.report(number % 50, number + 0.25))
    await told
    return (time.perf_counter() - begun) * 1_000


async def _echo(socket: ClientConnection) -> None:
    await socket.send("x" * 700)
    await socket.recv()
