"""What the tests of the relay share: a relay on real files, with a clock that the test sets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from balados_relay.app import Relay
from support.loopback import Clock, open_relay_at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def relay(tmp_path: Path, clock: Clock) -> AsyncIterator[Relay]:
    async with open_relay_at(tmp_path, clock) as relay:
        yield relay
