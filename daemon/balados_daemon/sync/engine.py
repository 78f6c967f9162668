"""The sync engine: runs rounds when the schedule says so, and keeps the live connection up.

It decides nothing itself: when is the schedule's business, what is the round's, and what it means is the core's.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from balados_daemon.library_service import LibraryService
from balados_daemon.receiving import Received
from balados_daemon.storage.device import Relay
from balados_daemon.sync import schedule as plan
from balados_daemon.sync.line import Line, RelayRefused, RelayUnavailable
from balados_daemon.sync.live import MAX_MESSAGE, LiveLine
from balados_daemon.sync.membership import Membership
from balados_daemon.sync.relay_client import RelayClient, RelayHttp, is_near, live_url
from balados_daemon.sync.round import Round
from balados_daemon.sync.schedule import Schedule
from balados_shared.errors import BaladosError
from balados_shared.storage.errors import StorageError
from balados_shared.times import MINUTE, SECOND
from balados_shared.wire import SyncAnswer

LASTING = 30 * SECOND
"""A live connection that held for so long was a good one: the next pause is short."""

LONGEST_PAUSE = MINUTE
"""Between two tries to open the live connection."""


# A relay that does not answer must not hold up the end of the daemon for longer than a moment.
# A ping a minute keeps routers from forgetting the connection; more would be most of the traffic of a quiet month.
LIVE_OPTIONS: dict[str, Any] = {
    "compression": None,
    "max_size": MAX_MESSAGE,
    "open_timeout": 10,
    "close_timeout": 0.5,
    "ping_interval": 60,
    "ping_timeout": 20,
}


class Engine:
    """Sync of one library. `jitter` gives numbers in [0, 1), `clock` milliseconds."""

    def __init__(
        self, service: LibraryService, membership: Membership, clock: Callable[[], int], jitter: Callable[[], float]
    ) -> None:
        self._service = service
        self.membership = membership
        self._clock = clock
        self._jitter = jitter
        self._schedule = Schedule()
        self._wake = asyncio.Event()
        self._reconnect = asyncio.Event()
        self._one_round = asyncio.Lock()
        self._live: LiveLine | None = None
        self.in_step = False
        """Whether a round went through since the start, or since a relay was joined."""
        service.on_change = self._wake.set

    @property
    def live(self) -> bool:
        """Whether the live connection is up."""
        return self._live is not None

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_whatever_the_disk_does(self._run_rounds))
            tasks.create_task(_whatever_the_disk_does(self._keep_live))

    async def sync_now(self) -> Received:
        """Run one round now, with everything that waits. Raises SyncTrouble."""
        self._reconnect.set()
        return await self._round(everything=True)

    def client(self, relay: Relay, http: RelayHttp) -> RelayClient:
        """Return a client that signs as this device."""
        return RelayClient(http, relay, self.membership.device, self._service.now)

    async def join(self, relay: Relay) -> None:
        """Take a relay as ours, between two rounds, and sync with it at once."""
        async with self._one_round:
            await self.membership.join(relay)
        self.in_step = False
        self._schedule = plan.asked(Schedule(), self._clock())
        self._wake.set()
        self._reconnect.set()
        if self._live is not None:
            self._live.drop()

    async def _run_rounds(self) -> None:
        while True:
            self._wake.clear()
            wait = self._milliseconds_to_wait()
            if wait is None or wait > 0:
                await _wait(self._wake, wait)
                continue
            with contextlib.suppress(BaladosError):
                await self._round()

    def _milliseconds_to_wait(self) -> int | None:
        """Return how long until the next round; None while there is no relay."""
        if self.membership.relay is None:
            return None
        now = self._clock()
        return plan.due(self._schedule, self._service.queue_due(), now=now) - now

    async def _round(self, *, everything: bool = False) -> Received:
        async with self._one_round:
            started = self._schedule
            try:
                received = await self._exchange_all(everything=everything)
            except BaladosError as trouble:
                await self._failed(trouble)
                raise
            self._schedule = plan.succeeded(self._schedule, self._clock(), started=started)
            self.in_step = True
            return received

    async def _exchange_all(self, *, everything: bool) -> Received:
        relay = self.membership.relay
        if relay is None:
            raise RelayRefused("this device is paired with no relay; pair it with: balados pair URL CODE")
        live = self._live
        async with RelayHttp(relay.url) as http:
            line: Line = live or self.client(relay, http)
            received = await Round(self._service, self.membership, line, self._clock).run(everything=everything)
        if live is not None and not live.subscribed and (relay := self.membership.relay) is not None:
            await live.subscribe(relay.cursor)
        return received

    async def _failed(self, trouble: BaladosError) -> None:
        retry_after = trouble.retry_after if isinstance(trouble, RelayUnavailable) else 0
        now = self._clock()
        self._schedule = plan.failed(self._schedule, now, jitter=self._jitter(), retry_after=retry_after)
        with contextlib.suppress(StorageError):  # a disk that takes no records may take no notes either
            await self.membership.note_trouble(str(trouble), refused=isinstance(trouble, RelayRefused))

    async def _keep_live(self) -> None:
        """Open the live connection again whenever it ends, with growing pauses while that fails."""
        failures = 0
        while True:
            relay = self.membership.relay
            if relay is not None:
                since = self._clock()
                await self._connect(relay)
                failures = 0 if self._clock() - since > LASTING else failures + 1
            pause = min(LONGEST_PAUSE, SECOND * 2 ** min(failures, 10)) * (0.5 + self._jitter() / 2)
            await _wait(self._reconnect, pause if relay is not None else None)
            self._reconnect.clear()

    async def _connect(self, relay: Relay) -> None:
        """Hold the live connection until it ends. Why it does not open, a round finds out and writes down."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        try:
            async with connect(
                live_url(relay.url), proxy=None if is_near(relay.url) else True, **LIVE_OPTIONS
            ) as socket:
                line = LiveLine(socket, self._on_update)
                async with RelayHttp(relay.url) as http:
                    await line.authenticate(self.client(relay, http).token())
                await self._hold(line)
        except (OSError, TimeoutError, EOFError, ValueError, ImportError, WebSocketException, BaladosError):
            return

    async def _hold(self, line: LiveLine) -> None:
        self._live = line
        self._ask()
        try:
            with contextlib.suppress(RelayUnavailable):
                await line.run()
        finally:
            self._live = None
            self._ask()  # why it ended, a round finds out: a device that is revoked must learn of it at once

    def _ask(self) -> None:
        """Have a round run as soon as it may."""
        self._schedule = plan.asked(self._schedule, self._clock())
        self._wake.set()

    async def _on_update(self, after: str, answer: SyncAnswer) -> None:
        """Apply what the relay tells. What does not follow on what we have is left to a round."""
        relay = self.membership.relay
        if relay is not None and relay.cursor == after:
            await self.membership.heed(await self._service.receive(answer))
        else:
            self._ask()


async def _whatever_the_disk_does(loop: Callable[[], Awaitable[None]]) -> None:
    """Run an endless loop again after a storage error: the daemon serves on what it can, and doctor names it."""
    while True:
        with contextlib.suppress(StorageError):
            await loop()
        await asyncio.sleep(LONGEST_PAUSE / SECOND)


async def _wait(event: asyncio.Event, milliseconds: float | None) -> None:
    """Wait for an event, at most so long; without an end when that is None.

    Not `wait_for`, which before Python 3.12 can swallow a cancellation: the daemon would then never end.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(milliseconds / 1_000 if milliseconds is not None else None):
            await event.wait()
