"""What the tests of the pages share: a relay with an owner called ada, and browsers."""

from collections.abc import AsyncIterator

import pytest

from balados_relay.app import Relay
from support.visitors import PASSWORD, Visitor, visiting


@pytest.fixture
async def owned(relay: Relay) -> Relay:
    """The relay, with an owner."""
    await relay.people.make_owner("ada", PASSWORD)
    return relay


@pytest.fixture
async def visitor(relay: Relay) -> AsyncIterator[Visitor]:
    """Somebody who is not logged in."""
    async with visiting(relay) as visitor:
        yield visitor


@pytest.fixture
async def ada(owned: Relay) -> AsyncIterator[Visitor]:
    """The owner, logged in."""
    async with visiting(owned) as visitor:
        await visitor.log_in()
        yield visitor


@pytest.fixture
async def bob(owned: Relay) -> AsyncIterator[Visitor]:
    """A member, logged in."""
    code = await owned.people.invite()
    async with visiting(owned, "192.0.2.2") as visitor:
        await visitor.look(f"/users/register?code={code}")
        fields = {"code": code, "user[username]": "bob", "user[password]": PASSWORD}
        await visitor.send("/users/register", fields | {"user[password_confirmation]": PASSWORD})
        yield visitor
