"""Daemon and relay in the test's own process: real files, real sockets on loopback, and a clock that the test drives.

async with open_relay_at(folder, clock) as relay, serving(relay_app(relay)) as url:
    async with open_daemon_at(folder, clock) as daemon, daemon.running():
        await daemon.device.pair(url, await relay.accounts.invite("Ada"))
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from balados_daemon.app import Daemon, open_daemon
from balados_daemon.settings import Settings as DaemonSettings
from balados_relay.app import Relay, open_relay
from balados_relay.settings import Settings as RelaySettings
from balados_shared.http.asgi import App, Receive, Scope, Send
from balados_shared.http.server import serve
from support.strategies import NOON

TOKEN = "the-token-of-this-test"


class Clock:
    """Milliseconds since 1970, as far as a test lets them go."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def half() -> float:
    """Jitter that a test can reckon with."""
    return 0.5


def open_relay_at(folder: Path, clock: Callable[[], int]) -> AbstractAsyncContextManager[Relay]:
    """Open a relay on `folder`/relay."""
    return open_relay(RelaySettings(folder / "relay"), clock)


def open_daemon_at(folder: Path, clock: Callable[[], int], name: str = "Phone") -> AbstractAsyncContextManager[Daemon]:
    """Open a daemon on `folder`/NAME."""
    return open_daemon(DaemonSettings(folder / name, device_name=name), clock, half)


class Recorder:
    """An ASGI layer that remembers which requests and WebSockets came in, as `POST /api/v1/sync` or `LIVE`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.seen.append(f"{scope['method']} {scope['path']}")
        elif scope["type"] == "websocket":
            self.seen.append("LIVE")
        await self._app(scope, receive, send)


@asynccontextmanager
async def serving(app: App, port: int = 0, trusted_proxies: Sequence[str] = ()) -> AsyncIterator[str]:
    """Serve an app on a free port of loopback, in this event loop; gives its base URL."""
    urls: list[str] = []
    task = asyncio.create_task(
        serve(app, host="127.0.0.1", port=port, on_ready=urls.append, trusted_proxies=trusted_proxies)
    )
    try:
        await until(lambda: bool(urls) or task.done())
        yield urls[0]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def client_of(app: App, token: str | None = TOKEN) -> httpx.AsyncClient:
    """Return a client that speaks to an app without a socket in between."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=headers)


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Let the event loop work until a condition holds; fail when it does not come."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - whatever is awaited, it need not know of the test
                await asyncio.sleep(0.001)
    except TimeoutError:
        pytest.fail("the awaited condition did not come")


async def settle(turns: int = 50) -> None:
    """Let everything that could happen now happen: for showing that something does not."""
    for _ in range(turns):
        await asyncio.sleep(0.001)
