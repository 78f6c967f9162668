"""Whether a sync costs what changed, not what the library holds: one change up and one down, in a small and a huge one.

Budget: with 1,000,000 records stored at most 1.2 times what it takes with 1,000. Up is a whole round with one change;
down is from another device's change until this device's player is told. The other device stands at the relay's head
and holds no records of its own: whose time is taken is the device, and the relay, that hold them all.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path

from msgspec.structs import replace

from balados_daemon.app import SCHEMAS, open_daemon, wall_clock
from balados_daemon.settings import Settings
from balados_daemon.storage import device as device_storage
from balados_daemon.sync import pairing
from balados_daemon.sync.relay_client import RelayHttp
from balados_shared.storage.migrate import Schema
from benchmarks import programs, seed
from benchmarks.client import Api, Player, until_live
from benchmarks.measuring import in_turns, milliseconds, p50, p99
from benchmarks.programs import Program
from benchmarks.propagation import until_told
from benchmarks.report import Figure

LIBRARY: tuple[Schema, ...] = SCHEMAS[:1]
FEEDS = 100
WARM_UP = 50


async def measure(smoke: bool) -> list[Figure]:
    """Answer the question."""
    few, many = (100, 2_000) if smoke else (1_000, 1_000_000)
    each, rounds = (10, 1) if smoke else (60, 5)
    with tempfile.TemporaryDirectory(prefix="balados-bench-") as place:
        async with AsyncExitStack() as open_:
            # The huge one first: while it is built, nothing here would answer the pings of the small one.
            huge = await open_.enter_async_context(_world(Path(place, "huge"), many))
            small = await open_.enter_async_context(_world(Path(place, "small"), few))
            numbers = count(10_000)
            for world in (small, huge):
                await world.up(numbers, WARM_UP)
                await world.down(numbers, WARM_UP)
            up = await in_turns(rounds, few=lambda: small.up(numbers, each), many=lambda: huge.up(numbers, each))
            down = await in_turns(rounds, few=lambda: small.down(numbers, each), many=lambda: huge.down(numbers, each))
    return [
        _compare(f"{name} with {many:,} stored, {which}", pick(samples["many"]), pick(samples["few"]), few, judged)
        for name, samples in (("up", up), ("down", down))
        for which, pick, judged in (("p50", p50, True), ("p99", p99, False))
    ]


def _compare(what: str, many: float, few: float, records: int, judged: bool) -> Figure:
    at_most = 1.2 if judged else None
    of = f"the same with {records:,} stored"
    return Figure(what=what, value=many, unit="ms", limit=few, limit_of=of, at_most=at_most, judged="ratio")


class _World:
    """A relay and a device that hold a library, and another device that changes it."""

    def __init__(self, device: Api, other: Api, player: Player) -> None:
        self._device = device
        self._other = other
        self._player = player

    async def up(self, numbers: "count[int]", times: int) -> list[float]:
        """Change one record here and sync, so many times; return the milliseconds of each sync."""
        return [await self._up(next(numbers)) for _ in range(times)]

    async def down(self, numbers: "count[int]", times: int) -> list[float]:
        """Change one record there, so many times; return the milliseconds until the player here was told."""
        return [await until_told(self._other, self._player, next(numbers)) for _ in range(times)]

    async def _up(self, number: int) -> float:
        # While an episode plays, its reports wait for the next round: it is ours to run.
        await self._device.post("/play", seed.report(number % 50, float(number), state="playing"))
        return await milliseconds(lambda: self._device.post("/device/sync"))


@asynccontextmanager
async def _world(place: Path, records: int) -> AsyncIterator[_World]:
    """Set up a library of so many records, on a relay and a device that are in step."""
    built = place / "built.db"
    cursor = await seed.fill(built, LIBRARY, subscriptions=FEEDS, statuses=records, grouped=True)
    for copy in (place / "relay" / "relay.db", place / "device" / "library.db"):
        copy.parent.mkdir(mode=0o700)
        shutil.copy(built, copy)
    built.unlink()
    with programs.relay(place / "relay") as relay:
        for name in ("device", "other"):
            await _join_in_step(place / name, relay, cursor)
        with programs.daemon(place / "device") as one, programs.daemon(place / "other") as two:
            device, other = await programs.api_of(one), await programs.api_of(two)
            for api in (device, other):
                await until_live(api)
            yield _World(device, other, await Player.listening(device))


async def _join_in_step(data_dir: Path, relay: Program, cursor: str) -> None:
    """Register a device whose library is in step with the relay's already, so that nothing is sent."""
    async with open_daemon(Settings(data_dir)) as daemon, RelayHttp(relay.url) as http:
        joined = await pairing.join(http, relay.url, await programs.invite(relay), daemon.library.device, wall_clock)
        await daemon.database.write(
            lambda connection: device_storage.save_relay(connection, seed.ACCOUNT, replace(joined.relay, cursor=cursor))
        )
