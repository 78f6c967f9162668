"""The relay put together: the one place where its parts meet (composition root)."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide

from balados_relay.accounts.service import Accounts
from balados_relay.admin import Admin
from balados_relay.api import admin as admin_api
from balados_relay.api import callers, library, pairing, sync
from balados_relay.api import live as live_api
from balados_relay.api.live import Connections, LiveRoom
from balados_relay.maintenance import keep_tidy
from balados_relay.settings import Settings
from balados_relay.sync.arrivals import Arrivals
from balados_relay.sync.clients import Libraries
from balados_relay.sync.stock import StockSync
from balados_shared.http import health
from balados_shared.http.asgi import App
from balados_shared.http.documented import openapi
from balados_shared.http.edge import MAX_UNPACKED, with_edge
from balados_shared.http.hub import Hub
from balados_shared.http.problems import EXCEPTION_HANDLERS
from balados_shared.http.requests import JsonRequest
from balados_shared.http.server import serve
from balados_shared.storage.database import Database
from balados_shared.storage.lock import DataDirectoryLock
from balados_shared.storage.migrate import Schema
from balados_shared.storage.token_file import load_or_make_token

SCHEMAS = (
    Schema("library", "balados_shared.storage.schema"),
    Schema("accounts", "balados_relay.storage.schema"),
)


COMMAND_SECONDS = 3.0
"""How long a `balados-relay` command may hold the data directory while the relay starts."""


TOKENS = {
    "device": "A short-lived JWT that a paired device signs for each request.",
    "operator": "The token in the relay's data directory.",
}


def wall_clock() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Relay:
    """A relay without its server: the parts."""

    def __init__(self, database: Database, token: str, clock: Callable[[], int] = wall_clock) -> None:
        self.database = database
        self.clock = clock
        self.hub = Hub()
        self.accounts = Accounts(database, clock, secrets.token_bytes)
        self.arrivals = Arrivals(database, clock, self.hub.announce)
        self.stock = StockSync(database, clock, self.hub.announce)
        self.libraries = Libraries(database, now=clock, announce=self.hub.announce, claim=self.accounts.claim_once)
        self.admin = Admin(database, self.accounts, token)
        self.connections = Connections()
        self.accounts.on_revoked.append(self.connections.cut_off)
        self.room = LiveRoom(self.accounts, self.arrivals, database, self.hub, self.connections)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tidy up for as long as this is open."""
        tidying = asyncio.create_task(keep_tidy(self.database, self.accounts, self.clock))
        try:
            yield
        finally:
            tidying.cancel()
            await asyncio.gather(tidying, return_exceptions=True)
            await self.accounts.save_uses()


@asynccontextmanager
async def open_relay(settings: Settings, clock: Callable[[], int] = wall_clock) -> AsyncIterator[Relay]:
    """Open a data directory and put a relay together on it. The caller holds the directory's lock."""
    token = load_or_make_token(settings.token_file)
    database = await Database.open(settings.database, SCHEMAS)
    try:
        yield Relay(database, token, clock)
    finally:
        await database.close()


def create_app(relay: Relay) -> App:
    """Return the relay's ASGI app."""
    api = Router(
        "/api/v1",
        route_handlers=[
            health.show_health,
            sync.router,
            library.router,
            pairing.router,
            live_api.live,
            admin_api.router,
        ],
    )
    app = Litestar(
        route_handlers=[api],
        dependencies={
            "accounts": Provide(lambda: relay.accounts, sync_to_thread=False),
            "arrivals": Provide(lambda: relay.arrivals, sync_to_thread=False),
            "stock": Provide(lambda: relay.stock, sync_to_thread=False),
            "libraries": Provide(lambda: relay.libraries, sync_to_thread=False),
            "database": Provide(lambda: relay.database, sync_to_thread=False),
            "room": Provide(lambda: relay.room, sync_to_thread=False),
            "caller": Provide(callers.caller_of),
            "admin": Provide(lambda: relay.admin, sync_to_thread=False),
        },
        state=State({"accounts": relay.accounts, "admin": relay.admin}),
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=openapi("Balados relay", TOKENS),
        request_class=JsonRequest,
        request_max_body_size=MAX_UNPACKED,
        logging_config=None,
    )
    return with_edge(app)


async def run_relay(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serve a data directory until a signal ends it. `on_ready` is told the URL."""
    with DataDirectoryLock(settings.data_dir, patience=COMMAND_SECONDS) as lock:

        def ready(url: str) -> None:
            lock.announce(url)
            on_ready(url)

        async with open_relay(settings) as relay, relay.running():
            await serve(
                create_app(relay),
                host=settings.host,
                port=settings.port,
                on_ready=ready,
                trusted_proxies=settings.trusted_proxies,
            )
