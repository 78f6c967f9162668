"""What the tests of the daemon share: a daemon on real files, without a relay, and a client of its local API."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from balados_daemon.app import Daemon, create_app
from support.loopback import TOKEN, Clock, client_of, open_daemon_at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this machine stands between a test and its servers."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
async def daemon(tmp_path: Path, clock: Clock) -> AsyncIterator[Daemon]:
    """A daemon whose engine does not run: the test says when."""
    async with open_daemon_at(tmp_path, clock) as daemon:
        await daemon.membership.begin()
        yield daemon
        await daemon.feeds.close()


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[httpx.AsyncClient]:
    """A program of the owner's."""
    async with client_of(create_app(daemon, TOKEN)) as client:
        yield client
