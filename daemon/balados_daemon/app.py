"""The daemon put together: the one place where its parts meet (composition root)."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Router
from litestar.di import Provide

from balados_daemon.api import device as device_api
from balados_daemon.api import live as live_api
from balados_daemon.api.guard import Guard
from balados_daemon.device import DeviceService
from balados_daemon.feeds.metadata import CachedMetadata
from balados_daemon.feeds.refresh import Feeds
from balados_daemon.library_service import LibraryService
from balados_daemon.maintenance import keep_tidy
from balados_daemon.settings import HOST, Settings, default_device_name
from balados_daemon.storage import device as device_storage
from balados_daemon.storage.device import ACCOUNT, Device
from balados_daemon.sync.engine import Engine
from balados_daemon.sync.membership import Membership, new_device_id
from balados_shared.feeds.fetch import Fetcher
from balados_shared.feeds.worker import ParseWorker
from balados_shared.http import health
from balados_shared.http.asgi import App
from balados_shared.http.documented import openapi
from balados_shared.http.edge import MAX_UNPACKED, with_edge
from balados_shared.http.hub import Hub
from balados_shared.http.library import ROUTERS
from balados_shared.http.problems import EXCEPTION_HANDLERS
from balados_shared.http.requests import JsonRequest
from balados_shared.http.server import serve
from balados_shared.http.slashes import restore_slashes
from balados_shared.storage.database import Database
from balados_shared.storage.lock import DataDirectoryLock
from balados_shared.storage.migrate import Schema
from balados_shared.storage.token_file import load_or_make_token

SCHEMAS = (
    Schema("library", "balados_shared.storage.schema"),
    Schema("device", "balados_daemon.storage.schema"),
)


TOKENS = {"owner": "The token in the daemon's data directory."}


def wall_clock() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Daemon:
    """A running daemon without its server: the parts, and what runs behind them."""

    def __init__(
        self,
        database: Database,
        device: Device,
        settings: Settings,
        clock: Callable[[], int] = wall_clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.database = database
        self.hub = Hub()
        self.library = LibraryService(
            database, ACCOUNT, device, clock=clock, hub=self.hub, snapshots=settings.snapshots
        )
        self.membership = Membership(database, self.library)
        self.engine = Engine(self.library, self.membership, clock, jitter)
        self.feeds = Feeds(database, Fetcher(), ParseWorker(), clock)
        self.device = DeviceService(database, self.library, self.engine, self.feeds, clock, settings.data_dir)
        self._clock = clock

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sync and tidy up for as long as this is open."""
        await self.membership.begin()
        async with asyncio.TaskGroup() as tasks:
            behind = [
                tasks.create_task(self.engine.run()),
                tasks.create_task(keep_tidy(self.database, ACCOUNT, self._clock)),
            ]
            try:
                yield
            finally:
                for task in behind:
                    task.cancel()
                await self.feeds.close()


@asynccontextmanager
async def open_daemon(
    settings: Settings, clock: Callable[[], int] = wall_clock, jitter: Callable[[], float] = random.random
) -> AsyncIterator[Daemon]:
    """Open a data directory and put a daemon together on it. The caller holds the directory's lock."""
    database = await Database.open(settings.database, SCHEMAS)
    try:
        device = await _who_we_are(database, settings)
        yield Daemon(database, device, settings, clock, jitter)
    finally:
        await database.close()


def create_app(daemon: Daemon, token: str) -> App:
    """Return the daemon's ASGI app."""
    guard = Guard(_routes(daemon, lambda shown: guard.admits(shown)), token)
    return with_edge(guard)


def _routes(daemon: Daemon, admits: Callable[[object], bool]) -> Any:
    api = Router(
        "/api/v1",
        route_handlers=[
            health.show_health,
            *ROUTERS,
            device_api.router,
            live_api.live,
        ],
    )
    return Litestar(
        route_handlers=[api],
        dependencies={
            "library": Provide(lambda: daemon.library, sync_to_thread=False),
            "device": Provide(lambda: daemon.device, sync_to_thread=False),
            "feed_metadata": Provide(lambda: CachedMetadata(daemon.feeds), sync_to_thread=False),
            "hub": Provide(lambda: daemon.hub, sync_to_thread=False),
            "admits": Provide(lambda: admits, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=openapi("Balados daemon", TOKENS, everywhere="owner"),
        middleware=[restore_slashes],
        request_class=JsonRequest,
        request_max_body_size=MAX_UNPACKED,
        logging_config=None,
    )


async def _who_we_are(database: Database, settings: Settings) -> Device:
    known = database.read(lambda connection: device_storage.load_device(connection, ACCOUNT))
    if known is not None:
        return known
    new = Device(new_device_id(), settings.device_name or default_device_name())
    await database.write(lambda connection: device_storage.save_device(connection, ACCOUNT, new))
    return new


async def run_daemon(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serve a data directory until a signal ends it. `on_ready` is told the URL."""
    with DataDirectoryLock(settings.data_dir) as lock:
        token = load_or_make_token(settings.token_file)

        def ready(url: str) -> None:
            lock.announce(url)
            on_ready(url)

        async with open_daemon(settings) as daemon, daemon.running():
            await serve(create_app(daemon, token), host=HOST, port=settings.port, on_ready=ready)
