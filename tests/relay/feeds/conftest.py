"""What the tests of the relay's feed room share: a server on loopback, and feeds that may go to it alone."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from balados_relay.feeds.bounds import Bounds
from balados_relay.feeds.service import RelayFeeds
from support.feed_server import FeedServer
from support.loopback import Clock
from support.names import Names


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FeedServer]:
    """A server of an empty folder."""
    with FeedServer(tmp_path) as server:
        yield server


@pytest.fixture
def names() -> Names:
    """The names of this test: `feeds.example` is the server, and nothing else is known."""
    return Names({"feeds.example": ["127.0.0.1"]})


@pytest.fixture
async def feeds(server: FeedServer, names: Names, clock: Clock) -> AsyncIterator[RelayFeeds]:
    """Feeds that may be fetched from 127.0.0.1 at the server's port, and from the public internet."""
    bounds = Bounds(allow=["127.0.0.1/32"], ports=[80, 443, server.port])
    feeds = RelayFeeds(bounds, clock, resolve=names)
    yield feeds
    await feeds.close()
