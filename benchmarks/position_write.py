"""How long until a position is durable through the local API, and how many a second with 64 players at once.

Budget: p50 ≤ 3 ms, p99 ≤ 15 ms; beneath HTTP ≥ 70 % of bare SQLite group commit, through HTTP ≥ 50 % of a bare POST.
Positions jump, so that each report is a line of its own in the log: the dearest case.
"""

import asyncio
import tempfile
import time
from itertools import count
from pathlib import Path

from balados_daemon.app import SCHEMAS, open_daemon
from balados_daemon.library_service import LibraryService
from balados_daemon.settings import Settings
from balados_shared.edit import progress
from benchmarks import bare_sqlite, programs, seed
from benchmarks.bare_sqlite import GroupedCommits, commits_per_second
from benchmarks.client import Api
from benchmarks.measuring import each_timed, in_turns, p50, p99
from benchmarks.report import Figure

WRITERS = 64
EPISODES = 1_000


async def measure(smoke: bool) -> list[Figure]:
    """Answer the question."""
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as place:
        directory = Path(place)
        await seed.fill(directory / "daemon" / "library.db", SCHEMAS, subscriptions=0, statuses=EPISODES)
        through_http = await _through_http(directory / "daemon", smoke)
        await seed.fill(directory / "beneath" / "library.db", SCHEMAS, subscriptions=0, statuses=EPISODES)
        await seed.fill(directory / "bare.db", SCHEMAS, subscriptions=0, statuses=EPISODES)
        return through_http + await _beneath_http(directory, smoke)


async def _through_http(data_dir: Path, smoke: bool) -> list[Figure]:
    with programs.bare_server() as server, programs.daemon(data_dir) as daemon:
        bare = [await Api.connect(server.url) for _ in range(WRITERS)]
        real = [await programs.api_of(daemon) for _ in range(WRITERS)]
        each, together, rounds = (50, 500, 1) if smoke else (1_000, 6_000, 5)
        numbers = count()
        alone = await in_turns(
            rounds, bare=lambda: _one_by_one(bare[0], numbers, each), real=lambda: _one_by_one(real[0], numbers, each)
        )
        at_once = await in_turns(
            rounds,
            bare=lambda: _all_at_once(bare, numbers, together),
            real=lambda: _all_at_once(real, numbers, together),
        )
        for api in (*bare, *real):
            api.close()
    bare_post = "a bare Litestar POST"
    return [
        Figure(
            what="one after the other, p50", value=p50(alone["real"]), unit="ms", at_most=3,
            limit=p50(alone["bare"]), limit_of=bare_post,
        ),
        Figure(
            what="one after the other, p99", value=p99(alone["real"]), unit="ms", at_most=15,
            limit=p99(alone["bare"]), limit_of=bare_post,
        ),
        Figure(
            what="64 at once, through HTTP", value=p50(at_once["real"]), unit="writes/s", at_least=0.5, judged="ratio",
            limit=p50(at_once["bare"]), limit_of=bare_post,
        ),
    ]  # fmt: skip


async def _beneath_http(directory: Path, smoke: bool) -> list[Figure]:
    writes, rounds = (500, 1) if smoke else (10_000, 5)
    commits = GroupedCommits(directory / "bare.db")
    numbers = count(10_000, writes)

    async def bare(write: bare_sqlite.Write) -> list[float]:
        return [await commits_per_second(commits, write, next(numbers), writers=WRITERS, writes=writes)]

    async with open_daemon(Settings(directory / "beneath")) as daemon:
        rates = await in_turns(
            rounds,
            bare=lambda: bare(bare_sqlite.bare),
            alike=lambda: bare(bare_sqlite.alike),
            real=lambda: _changes(daemon.library, next(numbers), writes),
        )
    commits.close()
    real = p50(rates["real"])
    what = "64 at once, beneath HTTP"
    return [
        Figure(
            what=what, value=real, unit="writes/s", limit=p50(rates["alike"]), at_least=0.7, judged="ratio",
            limit_of="SQLite group commit of the same rows, a savepoint each",
        ),
        Figure(
            what=what, value=real, unit="writes/s", limit=p50(rates["bare"]),
            limit_of="SQLite group commit of one small row",
        ),
    ]  # fmt: skip


async def _one_by_one(api: Api, numbers: "count[int]", reports: int) -> list[float]:
    bodies = [_report(next(numbers)) for _ in range(reports)]
    return await each_timed([lambda body=body: api.post("/play", body) for body in bodies])  # type: ignore[misc]


async def _all_at_once(apis: list[Api], numbers: "count[int]", reports: int) -> list[float]:
    """Return the reports a second."""
    bodies = iter([_report(next(numbers)) for _ in range(reports)])

    async def player(api: Api) -> None:
        for body in bodies:
            await api.post("/play", body)

    begun = time.perf_counter()
    await asyncio.gather(*(player(api) for api in apis))
    return [reports / (time.perf_counter() - begun)]


async def _changes(library: LibraryService, first: int, writes: int) -> list[float]:
    """Return the changes a second, of as many writers at once."""
    feed = seed.feed(0)
    episodes = [seed.episode(number, 0) for number in range(EPISODES)]
    wishes = iter([progress(feed, episodes[n % EPISODES], position=_position(n)) for n in range(first, first + writes)])

    async def writer() -> None:
        for wish in wishes:
            await library.change(wish)

    begun = time.perf_counter()
    await asyncio.gather(*(writer() for _ in range(WRITERS)))
    return [writes / (time.perf_counter() - begun)]


def _report(number: int) -> dict[str, object]:
    return seed.report(number % EPISODES, _position(number), feeds=1)


def _position(number: int) -> float:
    """Return another position each time, far from the one before."""
    return float(number * 1_009 % 7_001) + number / 1e7
