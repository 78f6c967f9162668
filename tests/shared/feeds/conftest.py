"""What the tests of the feed room share: a server, a fetcher that meets it, and short ways to write a feed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from balados_shared.feeds.fetch import Fetcher
from support.feed_server import FeedServer


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    """Return a server of an empty folder; no proxy of this machine stands between it and the test."""
    monkeypatch.setenv("NO_PROXY", "*")
    with FeedServer(tmp_path) as server:
        yield server


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    """Return a fetcher as the daemon has it."""
    fetcher = Fetcher()
    yield fetcher
    await fetcher.close()
