"""What two hours of listening a day cost in bytes, both ways, a month and device.

Budget: ≤ 5 MB. Measured at TCP proxies between two devices and their relay: a push of what gathers in 30 s of playing
(three reports, 10 s apart), a pause, a quiet minute, and the round that runs every 15 minutes. A month is computed from
these: 30 days, each with 2 h of playing, 20 pauses or seeks, and 24 h connected. TLS and packet heads are not in it.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

from benchmarks import programs, seed
from benchmarks.client import Api, Player, until_live
from benchmarks.counting_proxy import Counted, counting_proxy
from benchmarks.propagation import until_told
from benchmarks.report import Figure

REPORT_S, PUSH_S, ROUND_S = 10, 30, 15 * 60
DAYS, PLAYING_S, PAUSES, DAY_S = 30, 2 * 3_600, 20, 24 * 3_600
WHO = ("the one that plays", "the one that hears")


async def measure(smoke: bool) -> list[Figure]:
    """Answer the question."""
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as place:
        directory = Path(place)
        with (
            programs.relay(directory / "relay") as relay,
            programs.daemon(directory / "a") as one,
            programs.daemon(directory / "b") as other,
        ):
            async with counting_proxy(relay.url) as by_one, counting_proxy(relay.url) as by_other:
                here, there = await programs.api_of(one), await programs.api_of(other)
                for device, proxy in ((here, by_one), (there, by_other)):
                    await programs.pair(device, relay, url=proxy.url)
                    await until_live(device)
                return await _measure(here, there, (by_one, by_other), smoke)


async def _measure(here: Api, there: Api, proxies: tuple[Counted, Counted], smoke: bool) -> list[Figure]:
    times, quiet_s = (3, 1.0) if smoke else (60, 60.0)
    player, numbers = await Player.listening(there), count(1_000)
    push = await _bytes(proxies, times, lambda: _plays_on(here, player, numbers))
    pause = await _bytes(proxies, times, lambda: until_told(here, player, next(numbers)))
    round_ = await _bytes(proxies, times, lambda: asyncio.gather(here.post("/device/sync"), there.post("/device/sync")))
    quiet = await _bytes(proxies, 1, lambda: asyncio.sleep(quiet_s))
    await player.close()
    figures = []
    for who, pushed, paused, went, kept in zip(WHO, push, pause, round_, quiet, strict=True):
        daily = pushed * PLAYING_S / PUSH_S + paused * PAUSES + went * DAY_S / ROUND_S + kept / quiet_s * DAY_S
        figures += [
            Figure(what=f"{who}: a push of {PUSH_S} s of playing", value=pushed, unit="bytes"),
            Figure(what=f"{who}: a pause", value=paused, unit="bytes"),
            Figure(what=f"{who}: a round without news", value=went, unit="bytes"),
            Figure(what=f"{who}: a quiet hour", value=kept / quiet_s * 3_600, unit="bytes"),
            Figure(what=f"{who}: a month", value=daily * DAYS / 1e6, unit="MB", at_most=5),
        ]
    return figures


async def _plays_on(here: Api, player: Player, numbers: "count[int]") -> None:
    """Report as a player does in 30 s, and push at once what the schedule would push then."""
    reports = [next(numbers) for _ in range(PUSH_S // REPORT_S)]
    told = asyncio.create_task(player.hears(float(reports[-1])))
    for number in reports:
        await here.post("/play", seed.report(0, float(number), state="playing"))
    await here.post("/device/sync")
    await told


async def _bytes(proxies: tuple[Counted, ...], times: int, work: Callable[[], Awaitable[object]]) -> list[float]:
    """Return how many bytes one time took at each proxy."""
    before = [proxy.both for proxy in proxies]
    for _ in range(times):
        await work()
    return [(proxy.both - was) / times for proxy, was in zip(proxies, before, strict=True)]
