"""Bearer tokens: many times good, renewed once each, worthless when revoked."""

import pytest

from balados_relay.accounts.bearers import LIFETIME, REFRESH_LIFETIME, Issued, is_signed
from balados_relay.app import Relay
from balados_shared.problems import Problem
from balados_shared.times import MINUTE
from support.apps import App
from support.loopback import Clock

ORIGIN = "https://balados.app"


@pytest.fixture
async def account(relay: Relay) -> int:
    app = await App.paired(relay)
    return relay.accounts.authenticate(app.token()).account


async def issue(relay: Relay, account: int, scopes: tuple[str, ...] = ("user.sync",), app_id: str = ORIGIN) -> Issued:
    return await relay.accounts.bearers.issue(account, app_id=app_id, name="balados.app", url=ORIGIN, scopes=scopes)


def is_refused(relay: Relay, token: str) -> bool:
    with pytest.raises(Problem) as refusal:
        relay.accounts.authenticate(token)
    return (refusal.value.status, refusal.value.message) == (401, "Unauthorized")


async def test_a_token_says_who_may_do_what(relay: Relay, account: int) -> None:
    issued = await issue(relay, account, ("user.sync", "user.plays"))
    caller = relay.accounts.authenticate(issued.token)
    assert (caller.account, caller.app_id, caller.scopes) == (account, ORIGIN, ("user.sync", "user.plays"))
    assert relay.accounts.authenticate(issued.token) == caller
    relay.accounts.claim_once(caller)
    relay.accounts.claim_once(caller)  # it is shown with every request


async def test_each_token_is_a_device_of_its_own(relay: Relay, account: int) -> None:
    one, two = [relay.accounts.authenticate((await issue(relay, account)).token) for _ in range(2)]
    assert one.device_id != two.device_id
    assert one.author != two.author


async def test_a_token_ends_after_a_year_and_can_be_renewed_a_little_longer(
    relay: Relay, account: int, clock: Clock
) -> None:
    issued = await issue(relay, account)
    clock.now += LIFETIME
    assert is_refused(relay, issued.token)
    clock.now += REFRESH_LIFETIME - LIFETIME - 1
    renewed = await relay.accounts.bearers.renew(issued.refresh_token)
    assert relay.accounts.authenticate(renewed.token).app_id == ORIGIN


async def test_what_renews_a_token_works_once(relay: Relay, account: int) -> None:
    issued = await issue(relay, account)
    before = relay.accounts.authenticate(issued.token)
    renewed = await relay.accounts.bearers.renew(issued.refresh_token)
    assert is_refused(relay, issued.token)
    assert relay.accounts.authenticate(renewed.token).device_id == before.device_id
    for spent in (issued.refresh_token, issued.token, renewed.token, "", "x"):
        with pytest.raises(Problem) as refusal:
            await relay.accounts.bearers.renew(spent)
        assert refusal.value.status == 401


async def test_revoking_an_app_ends_all_its_tokens_for_ever(relay: Relay, account: int) -> None:
    issued = [await issue(relay, account), await issue(relay, account)]
    other = await issue(relay, account, app_id="token.other")
    told: list[tuple[int, str]] = []
    relay.accounts.on_revoked.append(lambda whose, app_id: told.append((whose, app_id)))
    assert await relay.accounts.revoke_app(account, ORIGIN)
    assert told == [(account, ORIGIN)]
    assert all(is_refused(relay, each.token) for each in issued)
    await issue(relay, account)  # allowed again: with a new token only
    assert all(is_refused(relay, each.token) for each in issued)
    with pytest.raises(Problem):
        await relay.accounts.bearers.renew(issued[0].refresh_token)
    assert relay.accounts.authenticate(other.token).app_id == "token.other"


async def test_tokens_are_stored_as_hashes(relay: Relay, account: int) -> None:
    issued = await issue(relay, account)
    dump = relay.database.read(lambda connection: repr(list(connection.execute("SELECT * FROM bearers"))))
    assert issued.token not in dump
    assert issued.refresh_token not in dump


async def test_a_token_that_is_not_ours_is_refused(relay: Relay, account: int) -> None:
    issued = await issue(relay, account)
    for token in ("", "x", issued.token[:-1], issued.token + "x", issued.token.upper(), "a..b", "..", "\ud800"):
        assert is_refused(relay, token)


async def test_an_app_without_a_key_cannot_sign(relay: Relay, account: int) -> None:
    app = await App.paired(relay)
    await issue(relay, account)
    assert is_refused(relay, app.token(app_id=ORIGIN))


def test_what_has_three_parts_is_signed() -> None:
    assert is_signed("a.b.c")
    assert not any(is_signed(token) for token in ("", "a.b", "a..c", ".b.c", "a.b.", "a.b.c.d", "balados_x"))


async def test_its_use_is_noted(relay: Relay, account: int, clock: Clock) -> None:
    issued = await issue(relay, account)
    clock.now += MINUTE
    relay.accounts.authenticate(issued.token)
    await relay.accounts.save_uses()
    (grant,) = [app for app in relay.accounts.apps(account) if app.app_id == ORIGIN]
    assert grant.last_used == clock.now
