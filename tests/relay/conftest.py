"""What the tests of the relay share: a relay on real files, with a clock that the test sets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from balados_relay.app import Relay
from balados_relay.people import passwords
from support.loopback import Clock, open_relay_at


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords at the least cost there is: what the real one is, has a test of its own."""
    monkeypatch.setattr(passwords, "ARGON2", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def relay(tmp_path: Path, clock: Clock) -> AsyncIterator[Relay]:
    async with open_relay_at(tmp_path, clock) as relay:
        yield relay
