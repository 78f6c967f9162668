"""Logging in, where it depends on more than one request."""

import pytest
from argon2 import PasswordHasher, extract_parameters

from balados_relay.app import Relay
from balados_relay.people.passwords import Passwords
from balados_relay.people.person import Browser
from balados_relay.people.service import WrongPassword
from balados_relay.storage import people as storage
from balados_shared.times import DAY
from support.loopback import Clock

PASSWORD = "correct horse battery"
HERE = Browser("192.0.2.1", "")


def stored(relay: Relay) -> str:
    login = relay.database.read(lambda conn: storage.find_login(conn, "ada"))
    assert login
    assert login.password
    return login.password


async def test_a_hash_of_an_older_cost_is_renewed_at_the_next_log_in(relay: Relay) -> None:
    await relay.people.make_owner("ada", PASSWORD)
    relay.people._passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    with pytest.raises(WrongPassword):
        await relay.people.log_in("ada", "wrong", HERE, remember=False)
    assert extract_parameters(stored(relay)).time_cost == 1
    await relay.people.log_in("ada", PASSWORD, HERE, remember=False)
    renewed = stored(relay)
    assert extract_parameters(renewed).time_cost == 2
    await relay.people.log_in("ada", PASSWORD, HERE, remember=False)
    assert stored(relay) == renewed


async def test_who_logs_in_while_the_password_changes_does_not_get_in_with_the_old_one(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    await relay.people.make_owner("ada", PASSWORD)
    fits = Passwords.fits

    async def slowly(self: Passwords, kept: str | None, password: str) -> bool:
        right = await fits(self, kept, password)
        await relay.people.set_password("ada", "another fine password")
        return right

    monkeypatch.setattr(Passwords, "fits", slowly)
    with pytest.raises(WrongPassword):
        await relay.people.log_in("ada", PASSWORD, HERE, remember=False)


async def test_what_is_over_is_forgotten_and_nothing_else(relay: Relay, clock: Clock) -> None:
    await relay.people.make_owner("ada", PASSWORD)
    await relay.people.log_in("ada", PASSWORD, HERE, remember=False)
    kept = await relay.people.log_in("ada", PASSWORD, HERE, remember=True)
    used = await relay.people.invite()
    await relay.people.register(used, "bob", PASSWORD, PASSWORD, HERE)
    await relay.people.invite()
    clock.now += DAY
    # A session that was not remembered, bob's, and the invitation that he used.
    assert await relay.database.write(lambda conn: storage.forget_expired(conn, clock.now)) == 3
    assert len(relay.people.invitations()) == 1
    person = await relay.people.recognise(kept.token)
    assert person
    assert person.name == "ada"
    clock.now += 6 * DAY
    assert await relay.database.write(lambda conn: storage.forget_expired(conn, clock.now)) == 1


@pytest.mark.parametrize("token", ["", "x", "ü", "\ud800", "a" * 100_000])
async def test_a_cookie_that_names_no_session_is_nobodys(relay: Relay, token: str) -> None:
    assert await relay.people.recognise(token) is None
