"""From an invitation to a request and to the revocation, on a real database with a clock that the test sets."""

import asyncio
import hashlib
import random
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from msgspec.structs import replace

from balados_relay.accounts.callers import Caller
from balados_relay.accounts.pairing import Paired
from balados_relay.accounts.service import Accounts
from balados_relay.accounts.single_use import UsedTokens
from balados_relay.accounts.verified import Verified, VerifiedTokens
from balados_relay.app import SCHEMAS
from balados_relay.storage import accounts as storage
from balados_relay.storage.accounts import Counter, Grant
from balados_shared.errors import InvalidInput
from balados_shared.problems import Problem, unauthorized
from balados_shared.storage.database import Database
from balados_shared.tokens import new_key, public_pem, sign_request, verify_request

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
KEYS = [new_key() for _ in range(3)]
HOME = "192.0.2.7"


class Clock:
    """Milliseconds since the epoch, as far as a test lets them go."""

    def __init__(self) -> None:
        self.now = 1_766_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "relay.db", SCHEMAS)
    yield database
    await database.close()


@pytest.fixture
def accounts(database: Database, clock: Clock) -> Accounts:
    return Accounts(database, clock, random.Random(1).randbytes)


async def pair(
    accounts: Accounts,
    code: str,
    key: str = KEYS[0],
    *,
    device_id: str = "d7k2",
    device_name: str = "Phone",
    source: str = HOME,
    app_id: str | None = None,
) -> Paired:
    return await accounts.pair(
        code, public_pem(key), device_id=device_id, device_name=device_name, source=source, app_id=app_id
    )


async def joined(accounts: Accounts, name: str, key: str = KEYS[0], **device: Any) -> Paired:
    return await pair(accounts, await accounts.invite(name), key, **device)


def token(paired: Paired, clock: Clock, key: str = KEYS[0], **changes: Any) -> str:
    wanted: dict[str, Any] = {
        "app_id": paired.app_id,
        "user_id": paired.user_id,
        "device_id": "d7k2",
        "device_name": "Phone",
        "now": clock.now,
        "token_id": "t1",
    }
    return sign_request(key, **wanted | changes)


def assert_refused(accounts: Accounts, token: str) -> None:
    with pytest.raises(Problem) as refusal:
        accounts.authenticate(token)
    always = unauthorized()
    told = refusal.value
    assert (told.status, told.code, told.message, told.headers, told.members, told.args) == (
        (always.status, always.code, always.message, always.headers, always.members, always.args)
    )
    assert told.__cause__ is None


async def assert_invalid_code(accounts: Accounts, code: str, **device: Any) -> None:
    with pytest.raises(Problem, match="This code is not valid") as refusal:
        await pair(accounts, code, **device)
    assert (refusal.value.status, refusal.value.code) == (400, "INVALID_CODE")


# Pairing


async def test_a_code_pairs_a_device_with_a_new_account(accounts: Accounts, clock: Clock) -> None:
    paired = await joined(accounts, "Ada")
    assert paired.app_id == "app.balados.daemon.d7k2"
    assert accounts.authenticate(token(paired, clock)) == Caller(
        account=paired.account,
        user_id=paired.user_id,
        app_id=paired.app_id,
        device_id="d7k2",
        device_name="Phone",
        scopes=("user.sync",),
        token_id="t1",
        expires=clock.now + MINUTE,
        lifetime=MINUTE,
    )


async def test_a_second_invitation_leads_to_the_same_account_in_whatever_case(accounts: Accounts) -> None:
    first = await joined(accounts, "Zoé")
    second = await joined(accounts, " ZOÉ ", KEYS[1], device_id="m3p9")
    assert (first.account, first.user_id) == (second.account, second.user_id)


async def test_a_code_is_read_leniently(accounts: Accounts) -> None:
    code = await accounts.invite("Ada")
    assert (await pair(accounts, f" {code.lower().replace('-', ' ')} ")).account == 1


async def test_a_code_works_once(accounts: Accounts) -> None:
    code = await accounts.invite("Ada")
    await pair(accounts, code)
    await assert_invalid_code(accounts, code, device_id="m3p9")


async def test_of_two_devices_at_the_same_time_a_code_pairs_one(accounts: Accounts) -> None:
    code = await accounts.invite("Ada")
    both = await asyncio.gather(
        pair(accounts, code, KEYS[0], device_id="d7k2"),
        pair(accounts, code, KEYS[1], device_id="m3p9"),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in both) == ["Paired", "Problem"]
    assert len(await accounts.devices("Ada")) == 1


async def test_a_code_works_for_a_quarter_of_an_hour(accounts: Accounts, clock: Clock) -> None:
    in_time, too_late = await accounts.invite("Ada"), await accounts.invite("Ada")
    clock.now += 15 * MINUTE - 1
    await pair(accounts, in_time)
    clock.now += 1
    await assert_invalid_code(accounts, too_late)


async def test_a_dry_run_leaves_the_code_good(accounts: Accounts) -> None:
    code = await accounts.invite("Ada")
    assert accounts.peek(code, source=HOME).name == accounts.peek(code, source=HOME).name == "Ada"
    assert (await pair(accounts, code)).account == 1
    with pytest.raises(Problem, match="This code is not valid"):
        accounts.peek(code, source=HOME)


async def test_an_unusable_key_or_name_does_not_use_up_the_code(accounts: Accounts) -> None:
    code = await accounts.invite("Ada")
    for bad in ({"public_key": KEYS[0]}, {"device_name": ""}, {"device_name": "a\nb"}, {"device_id": "d" * 101}):
        good = {"public_key": public_pem(KEYS[0]), "device_id": "d7k2", "device_name": "Phone", "source": HOME}
        with pytest.raises(InvalidInput):
            await accounts.pair(code, **good | bad)
    assert (await pair(accounts, code)).account == 1


@pytest.mark.parametrize("name", ["", "  ", "a" * 65, "a\x00b", "\ud800"])
async def test_a_name_that_cannot_be_shown_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(InvalidInput, match="an account name"):
        await accounts.invite(name)


async def test_pairing_the_same_key_again_keeps_its_app_id(accounts: Accounts, clock: Clock) -> None:
    first = await joined(accounts, "Ada")
    await accounts.revoke("Ada", "Phone")
    assert await joined(accounts, "Ada", device_name="New name") == first
    assert accounts.authenticate(token(first, clock)).app_id == first.app_id
    assert [device.device_name for device in await accounts.devices("Ada")] == ["New name"]


async def test_a_device_id_under_another_key_gets_an_app_id_of_its_own(accounts: Accounts, clock: Clock) -> None:
    first = await joined(accounts, "Ada", KEYS[0])
    second = await joined(accounts, "Ada", KEYS[1])
    assert (second.app_id, (await joined(accounts, "Ada", KEYS[2])).app_id) == (
        "app.balados.daemon.d7k2.2",
        "app.balados.daemon.d7k2.3",
    )
    assert await joined(accounts, "Ada", KEYS[1]) == second
    assert accounts.authenticate(token(first, clock, KEYS[0])).app_id == first.app_id
    assert_refused(accounts, token(first, clock, KEYS[1]))


async def test_a_revoked_app_id_is_not_given_to_another_key(accounts: Accounts, clock: Clock) -> None:
    first = await joined(accounts, "Ada", KEYS[0])
    await accounts.revoke("Ada", first.app_id)
    second = await joined(accounts, "Ada", KEYS[1])
    assert second.app_id != first.app_id
    assert_refused(accounts, token(first, clock, KEYS[0]))


async def test_an_app_may_bring_its_own_id(accounts: Accounts) -> None:
    assert (await joined(accounts, "Ada", app_id="com.example.player")).app_id == "com.example.player"


async def test_the_storage_itself_gives_no_app_id_to_another_key(accounts: Accounts, database: Database) -> None:
    paired = await joined(accounts, "Ada")
    thief = Grant(account=paired.account, app_id=paired.app_id, public_key="other", device_name="x", created=0)
    with pytest.raises(ValueError, match="never given to another key"):
        await database.write(lambda connection: storage.add_grant(connection, thief))


# Guessing


async def test_ten_wrong_codes_from_one_address_are_enough_for_a_while(accounts: Accounts, clock: Clock) -> None:
    code = await accounts.invite("Ada")
    for _ in range(10):
        await assert_invalid_code(accounts, "K7QF-M2XD")
        clock.now += MINUTE
    with pytest.raises(Problem) as refusal:
        await pair(accounts, code)
    assert (refusal.value.status, refusal.value.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert refusal.value.headers == {"Retry-After": "300"}
    assert refusal.value.members == {"retry_after_seconds": 300}
    assert (await pair(accounts, code, source="192.0.2.8")).account == 1


async def test_the_wait_ends_by_itself_when_it_was_said_to(accounts: Accounts, clock: Clock) -> None:
    for _ in range(10):
        await assert_invalid_code(accounts, "not a code at all")
    clock.now += 15 * MINUTE - 1
    code = await accounts.invite("Ada")
    with pytest.raises(Problem, match="Too many wrong codes"):
        await pair(accounts, code)
    clock.now += 1
    assert (await pair(accounts, code)).account == 1


async def test_many_addresses_together_get_a_hundred_tries(accounts: Accounts) -> None:
    for number in range(100):
        await assert_invalid_code(accounts, "K7QF-M2XD", source=f"192.0.2.{number}")
    with pytest.raises(Problem, match="Too many wrong codes"):
        await pair(accounts, await accounts.invite("Ada"), source="198.51.100.1")


async def test_tries_at_the_same_time_do_not_slip_past_the_limit(accounts: Accounts) -> None:
    tries = [pair(accounts, "K7QF-M2XD") for _ in range(30)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(each.status for each in answers if isinstance(each, Problem)) == [400] * 10 + [429] * 20


async def test_dry_runs_are_no_way_round_the_limit(accounts: Accounts) -> None:
    for _ in range(10):
        with pytest.raises(Problem, match="This code is not valid"):
            accounts.peek("K7QF-M2XD", source=HOME)
    with pytest.raises(Problem, match="Too many wrong codes"):
        await pair(accounts, await accounts.invite("Ada"))


async def test_right_codes_do_not_count(accounts: Accounts) -> None:
    for number in range(12):
        code = await accounts.invite("Ada")
        accounts.peek(code, source=HOME)
        await pair(accounts, code, device_id=f"d{number}")


# Requests


async def test_every_bad_token_gets_the_same_answer(accounts: Accounts, clock: Clock) -> None:
    paired = await joined(accounts, "Ada")
    stranger = replace(paired, user_id="00000000-0000-4000-8000-000000000000")
    no_app = replace(paired, app_id="app.balados.daemon.none")
    good = token(paired, clock)
    for bad in (
        "",
        "rubbish",
        "\ud800",
        good[:-2],
        token(paired, clock, KEYS[1]),
        token(stranger, clock),
        token(no_app, clock),
        token(paired, clock, now=clock.now - HOUR),
        token(paired, clock, now=clock.now + HOUR),
        token(paired, clock, lifetime_s=25 * 3_600),
        jwt.encode({"iss": paired.app_id, "sub": paired.user_id}, KEYS[0], "EdDSA"),
    ):
        assert_refused(accounts, bad)


async def test_a_token_ends_also_when_it_was_seen_before(accounts: Accounts, clock: Clock) -> None:
    paired = await joined(accounts, "Ada")
    good = token(paired, clock)
    start = clock.now
    for later in (0, 59_999, 60_000, 119_999):
        clock.now = start + later
        accounts.authenticate(good)
    clock.now = start + 120_000
    assert_refused(accounts, good)


async def test_a_token_ends_with_the_key_that_signed_it(accounts: Accounts, clock: Clock, database: Database) -> None:
    paired = await joined(accounts, "Ada")
    good = token(paired, clock)
    accounts.authenticate(good)
    await database.write(lambda conn: conn.execute("UPDATE grants SET public_key = ?", (public_pem(KEYS[1]),)).rowcount)
    assert_refused(accounts, good)


async def test_a_token_without_a_device_has_the_documented_defaults(accounts: Accounts, clock: Clock) -> None:
    paired = await joined(accounts, "Ada", device_name="Tablet")
    now = clock.now // SECOND
    claims = {"iss": paired.app_id, "sub": paired.user_id, "iat": now, "exp": now + 3_600}
    caller = accounts.authenticate(jwt.encode(claims, KEYS[0], "EdDSA"))
    assert (caller.device_id, caller.device_name, caller.token_id) == (paired.app_id, "Tablet", None)


async def test_two_accounts_are_strictly_apart(accounts: Accounts, clock: Clock) -> None:
    """Even with the same device id, device name and key: what counts is whom the token names and who granted it."""
    ada, bob = await joined(accounts, "Ada", KEYS[0]), await joined(accounts, "Bob", KEYS[1])
    assert ada.app_id == bob.app_id
    assert ada.account != bob.account
    assert accounts.authenticate(token(ada, clock, KEYS[0])).account == ada.account
    assert accounts.authenticate(token(bob, clock, KEYS[1])).account == bob.account
    assert_refused(accounts, token(bob, clock, KEYS[0]))
    assert_refused(accounts, token(ada, clock, KEYS[1]))
    await accounts.revoke("Ada", "Phone")
    assert_refused(accounts, token(ada, clock, KEYS[0]))
    assert accounts.authenticate(token(bob, clock, KEYS[1])).account == bob.account
    assert [grant.revoked_at for grant in await accounts.devices("Bob")] == [None]


# Revocation


async def test_revoking_holds_at_once_for_a_token_that_was_just_good(accounts: Accounts, clock: Clock) -> None:
    paired = await joined(accounts, "Ada")
    good = token(paired, clock)
    accounts.authenticate(good)
    told: list[tuple[int, str]] = []
    accounts.on_revoked.append(lambda account, app_id: told.append((account, app_id)))
    await accounts.revoke("ada", "Phone")
    assert_refused(accounts, good)
    assert told == [(paired.account, paired.app_id)]
    assert [grant.revoked_at for grant in await accounts.devices("Ada")] == [clock.now]


async def test_a_revocation_is_done_even_if_who_asked_goes_away(accounts: Accounts, clock: Clock) -> None:
    paired = await joined(accounts, "Ada")
    told = asyncio.Event()
    accounts.on_revoked.append(lambda *_: told.set())
    asking = asyncio.create_task(accounts.revoke_app(paired.account, paired.app_id))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait_for(told.wait(), 5)
    assert asking.cancelled()
    assert_refused(accounts, token(paired, clock))


async def test_revoking_twice_tells_once(accounts: Accounts) -> None:
    paired = await joined(accounts, "Ada")
    told: list[str] = []
    accounts.on_revoked.append(lambda _, app_id: told.append(app_id))
    assert await accounts.revoke_app(paired.account, paired.app_id) is True
    assert await accounts.revoke_app(paired.account, paired.app_id) is False
    assert told == [paired.app_id]


async def test_a_name_that_several_devices_have_revokes_none_of_them(accounts: Accounts, clock: Clock) -> None:
    first = await joined(accounts, "Ada", KEYS[0], device_id="d7k2")
    second = await joined(accounts, "Ada", KEYS[1], device_id="m3p9")
    with pytest.raises(Problem, match=r"app\.balados\.daemon\.d7k2, app\.balados\.daemon\.m3p9") as refusal:
        await accounts.revoke("Ada", "Phone")
    assert refusal.value.status == 409
    assert (await accounts.revoke("Ada", first.app_id)).app_id == first.app_id
    assert (await accounts.revoke("Ada", "Phone")).app_id == second.app_id


async def test_what_is_not_there_cannot_be_revoked(accounts: Accounts) -> None:
    with pytest.raises(Problem, match="no account of that name"):
        await accounts.revoke("Ada", "Phone")
    await joined(accounts, "Ada")
    with pytest.raises(Problem, match="no such device"):
        await accounts.revoke("Ada", "Fridge")


# Single use


async def test_a_short_lived_token_writes_once(accounts: Accounts, clock: Clock) -> None:
    paired = await joined(accounts, "Ada")
    good = token(paired, clock)
    accounts.claim_once(accounts.authenticate(good))
    for later in (0, 60_000, 59_999):
        clock.now += later
        caller = accounts.authenticate(good)
        with pytest.raises(Problem) as refusal:
            accounts.claim_once(caller)
        assert refusal.value.status == 401
    accounts.claim_once(accounts.authenticate(token(paired, clock, token_id="t2")))


async def test_a_long_lived_token_or_one_without_an_id_writes_often(accounts: Accounts, clock: Clock) -> None:
    paired = await joined(accounts, "Ada")
    caller = accounts.authenticate(token(paired, clock, lifetime_s=301))
    nameless = replace(accounts.authenticate(token(paired, clock)), token_id=None)
    for each in (caller, nameless, caller, nameless):
        accounts.claim_once(each)


async def test_the_same_token_id_of_two_accounts_is_two_tokens(accounts: Accounts, clock: Clock) -> None:
    ada, bob = await joined(accounts, "Ada", KEYS[0]), await joined(accounts, "Bob", KEYS[1])
    accounts.claim_once(accounts.authenticate(token(ada, clock, KEYS[0])))
    accounts.claim_once(accounts.authenticate(token(bob, clock, KEYS[1])))


def test_an_account_that_used_up_too_many_waits_and_no_other_does() -> None:
    used = UsedTokens(limit=2)
    used.claim(1, "app", "a", until=1_000, now=0)
    used.claim(1, "app", "b", until=5_000, now=0)
    with pytest.raises(Problem) as refusal:
        used.claim(1, "app", "c", until=9_000, now=500)
    assert (refusal.value.status, refusal.value.headers) == (429, {"Retry-After": "1"})
    used.claim(2, "app", "c", until=9_000, now=500)
    used.claim(1, "app", "c", until=9_000, now=1_000)
    with pytest.raises(Problem, match="Unauthorized"):
        used.claim(1, "app", "b", until=9_000, now=1_000)


# What is remembered


async def test_the_memory_of_good_tokens_is_bounded_and_forgets_what_expired(clock: Clock) -> None:
    paired = Paired(1, "user", "app")
    tokens = [token(paired, clock, token_id=f"t{number}") for number in range(3)]
    pem = public_pem(KEYS[0])
    known = VerifiedTokens(limit=2)
    for each in tokens:
        known.put(each, Verified(verify_request(each, pem, now=clock.now), pem))
    assert [known.get(each, clock.now) is not None for each in tokens] == [False, True, True]
    assert [known.get(each, clock.now + MINUTE) for each in tokens] == [None, None, None]


async def test_the_last_use_of_a_device_is_known_to_the_hour(accounts: Accounts, clock: Clock) -> None:
    start = clock.now
    paired = await joined(accounts, "Ada")
    assert [grant.last_used for grant in await accounts.devices("Ada")] == [None]
    for later, noted in ((0, start), (HOUR - 1, start), (HOUR, start + HOUR)):
        clock.now = start + later
        accounts.authenticate(token(paired, clock))
        assert [grant.last_used for grant in await accounts.devices("Ada")] == [noted]


async def test_a_device_counter_never_goes_down_and_belongs_to_its_account(
    accounts: Accounts, database: Database
) -> None:
    ada, bob = await joined(accounts, "Ada", KEYS[0]), await joined(accounts, "Bob", KEYS[1])
    first = Counter(device_id="d7k2", app_id="app", name="Phone", count=7, run="r1", cursor="1.a", last_seen=1)
    second = replace(first, count=5, run="r2", cursor="2.b", last_seen=2)
    other = replace(first, device_id="m3p9", last_seen=3)
    for counter in (first, second, other):
        await database.write(partial(storage.put_counter, account=ada.account, counter=counter))
    met = replace(second, count=7)
    assert database.read(lambda connection: storage.get_counter(connection, ada.account, "d7k2")) == met
    assert database.read(lambda connection: storage.list_counters(connection, ada.account)) == [other, met]
    assert database.read(lambda connection: storage.get_counter(connection, bob.account, "d7k2")) is None


async def test_codes_are_stored_as_hashes_and_forgotten_when_they_expire(
    accounts: Accounts, database: Database, clock: Clock
) -> None:
    await accounts.invite("Ada")
    clock.now += 15 * MINUTE
    code = (await accounts.invite("Bob")).replace("-", "")
    rows = database.read(lambda connection: connection.execute("SELECT account, code_hash FROM invites").fetchall())
    assert rows == [(2, hashlib.sha256(code.encode()).digest())]


async def test_accounts_are_listed_by_name(accounts: Accounts, database: Database) -> None:
    for name in ("bob", "Ada", "Éva"):
        await accounts.invite(name)
    assert [account.name for account in database.read(storage.list_accounts)] == ["Ada", "bob", "Éva"]


async def test_no_two_accounts_differ_by_case_alone(accounts: Accounts, database: Database) -> None:
    await accounts.invite("Straße")
    with pytest.raises(sqlite3.IntegrityError):
        await database.write(lambda conn: storage.create_account(conn, user_id="u", name="STRASSE", now=0))
