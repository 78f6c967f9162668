"""A relay that may fetch feeds from a test's server on loopback, and from nowhere else nearby."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from balados_relay.app import Relay, open_relay
from balados_relay.settings import Settings
from support.feed_server import FeedServer


@asynccontextmanager
async def fetching_relay(
    folder: Path, server: FeedServer, clock: Callable[[], int], **settings: Any
) -> AsyncIterator[Relay]:
    """Open a relay on `folder`/relay, with further settings."""
    told = Settings(folder / "relay", fetch_allow=("127.0.0.1/32",), fetch_ports=(80, 443, server.port), **settings)
    async with open_relay(told, clock) as relay:
        yield relay
