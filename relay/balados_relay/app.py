"""The relay put together: the one place where its parts meet (composition root)."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide

from balados_relay.accounts.app_passwords import AppPasswords
from balados_relay.accounts.service import Accounts
from balados_relay.admin import Admin
from balados_relay.api import admin as admin_api
from balados_relay.api import apps, callers, library, limits, pairing, sync
from balados_relay.api import gateway as gateway_api
from balados_relay.api import live as live_api
from balados_relay.api import proxy as proxy_api
from balados_relay.api import public as public_api
from balados_relay.api.live import Connections, LiveRoom
from balados_relay.feeds.bounds import Bounds
from balados_relay.feeds.gathering import Gathering
from balados_relay.feeds.service import RelayFeeds
from balados_relay.maintenance import keep_tidy
from balados_relay.people.leaving import Leaving
from balados_relay.people.service import People
from balados_relay.public.service import Public
from balados_relay.settings import Settings
from balados_relay.sync.arrivals import Arrivals
from balados_relay.sync.clients import Libraries
from balados_relay.sync.stock import StockSync
from balados_relay.web.errors import answer_anywhere
from balados_relay.web.reference import Reference
from balados_relay.web.session import visitor
from balados_relay.web.site import site
from balados_shared.http import health
from balados_shared.http.asgi import App
from balados_shared.http.cors import Cors
from balados_shared.http.documented import openapi
from balados_shared.http.edge import MAX_UNPACKED, with_edge
from balados_shared.http.flood import PlayLimit
from balados_shared.http.hub import Hub
from balados_shared.http.illustrated import read_examples
from balados_shared.http.requests import JsonRequest
from balados_shared.http.safe_headers import SafeHeaders
from balados_shared.http.server import serve
from balados_shared.http.slashes import restore_slashes
from balados_shared.storage.database import Database
from balados_shared.storage.lock import DataDirectoryLock
from balados_shared.storage.migrate import Schema
from balados_shared.storage.token_file import load_or_make_token

SCHEMAS = (
    Schema("library", "balados_shared.storage.schema"),
    Schema("accounts", "balados_relay.storage.schema"),
)


MAX_BODY = 1_000_000
"""Bytes of any body but that of an exchange with one of our devices (protocol sheet, section 3.1)."""

COMMAND_SECONDS = 3.0
"""How long a `balados-relay` command may hold the data directory while the relay starts."""


EXAMPLES = [*read_examples("balados_shared.http"), *read_examples("balados_relay.api")]

TOKENS = {
    "device": "A short-lived JWT that a paired device signs for each request.",
    "operator": "The token in the relay's data directory.",
}


def wall_clock() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Relay:
    """A relay without its server: the parts."""

    def __init__(
        self,
        database: Database,
        token: str,
        clock: Callable[[], int] = wall_clock,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings = settings or Settings(Path())
        self.database = database
        self.clock = clock
        self.hub = Hub()
        self.accounts = Accounts(database, clock, secrets.token_bytes)
        self.app_passwords = AppPasswords(database, clock, secrets.token_bytes)
        self.people = People(database, self.accounts, clock, secrets.token_bytes, settings.registration)
        self.leaving = Leaving(database, self.accounts, self.people, clock)
        self.arrivals = Arrivals(database, clock, self.hub.announce)
        self.stock = StockSync(database, clock, self.hub.announce)
        self.libraries = Libraries(database, now=clock, announce=self.hub.announce, claim=self.accounts.claim_once)
        self.admin = Admin(database, self.accounts, self.app_passwords, self.people, token, settings.public_url, clock)
        self.feeds = RelayFeeds(Bounds(settings.fetch_allow, settings.fetch_ports), clock)
        self.gathering = Gathering(self.feeds, clock)
        self.public = Public(database, clock, shown=settings.public)
        self.connections = Connections()
        self.accounts.on_revoked.append(self.connections.cut_off)
        self.limits = limits.Limits(clock)
        self.room = LiveRoom(
            self.accounts, self.arrivals, self.hub, self.connections, self.libraries.of, PlayLimit(), self.limits.spend
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tidy up for as long as this is open."""
        tasks = [
            asyncio.create_task(keep_tidy(self.database, self.accounts, self.clock)),
            asyncio.create_task(self.leaving.keep_finishing()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.accounts.save_uses()


@asynccontextmanager
async def open_relay(settings: Settings, clock: Callable[[], int] = wall_clock) -> AsyncIterator[Relay]:
    """Open a data directory and put a relay together on it. The caller holds the directory's lock."""
    token = load_or_make_token(settings.token_file)
    database = await Database.open(settings.database, SCHEMAS)
    relay = Relay(database, token, clock, settings)
    try:
        yield relay
    finally:
        await relay.feeds.close()
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
            apps.router,
            proxy_api.router,
            public_api.router,
            public_api.share_router,
            admin_api.router,
        ],
        request_max_body_size=MAX_BODY,
    )
    app = Litestar(
        route_handlers=[api, live_api.live, gateway_api.router, *site],
        dependencies={
            "accounts": Provide(lambda: relay.accounts, sync_to_thread=False),
            "arrivals": Provide(lambda: relay.arrivals, sync_to_thread=False),
            "stock": Provide(lambda: relay.stock, sync_to_thread=False),
            "libraries": Provide(lambda: relay.libraries, sync_to_thread=False),
            "database": Provide(lambda: relay.database, sync_to_thread=False),
            "room": Provide(lambda: relay.room, sync_to_thread=False),
            "caller": Provide(callers.caller_of),
            "admin": Provide(lambda: relay.admin, sync_to_thread=False),
            "settings": Provide(lambda: relay.settings, sync_to_thread=False),
            "app_passwords": Provide(lambda: relay.app_passwords, sync_to_thread=False),
            "people": Provide(lambda: relay.people, sync_to_thread=False),
            "leaving": Provide(lambda: relay.leaving, sync_to_thread=False),
            "feeds": Provide(lambda: relay.feeds, sync_to_thread=False),
            "gathering": Provide(lambda: relay.gathering, sync_to_thread=False),
            "public": Provide(lambda: relay.public, sync_to_thread=False),
            "feed_metadata": Provide(lambda: relay.feeds, sync_to_thread=False),
        },
        state=State(
            {
                "accounts": relay.accounts,
                "people": relay.people,
                "admin": relay.admin,
                "limits": relay.limits,
                "settings": relay.settings,
                "visitor": visitor,
            }
        ),
        before_request=limits.limit_request,
        before_send=[limits.tell_limits],
        exception_handlers={Exception: answer_anywhere},
        openapi_config=openapi("Balados relay", TOKENS, examples=EXAMPLES, page=Reference(EXAMPLES)),
        middleware=[restore_slashes],
        request_class=JsonRequest,
        request_max_body_size=MAX_UNPACKED,
        logging_config=None,
    )
    return Cors(SafeHeaders(with_edge(app, bodiless=("GET", "HEAD"))), relay.settings.allow_origins)


async def run_relay(settings: Settings, on_ready: Callable[[str, str | None], None]) -> None:
    """Serve a data directory until a signal ends it. `on_ready` hears the URL and, without an owner, the setup code."""
    with DataDirectoryLock(settings.data_dir, patience=COMMAND_SECONDS) as lock:
        async with open_relay(settings) as relay, relay.running():

            def ready(url: str) -> None:
                lock.announce(url)
                on_ready(url, relay.people.setup_code if relay.people.needs_owner() else None)

            await serve(
                create_app(relay),
                host=settings.host,
                port=settings.port,
                on_ready=ready,
                trusted_proxies=settings.trusted_proxies,
                access_level=logging.INFO,
            )
