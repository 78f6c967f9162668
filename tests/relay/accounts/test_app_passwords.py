"""App passwords: made by the relay, shown once, good for one client until they are revoked."""

import re
import sqlite3
from pathlib import Path

import pytest

from balados_relay.accounts.tries import PASSWORDS_FOR_ONE_NAME_FROM_ONE_SOURCE
from balados_relay.app import Relay
from balados_shared.errors import InvalidInput
from balados_shared.problems import Problem
from balados_shared.times import HOUR, MINUTE
from support.loopback import Clock

FORM = re.compile(r"[2-9a-hjkmnp-z]{4}(-[2-9a-hjkmnp-z]{4}){4}")
HERE = "192.0.2.1"


@pytest.fixture
async def ada(relay: Relay) -> int:
    """The number of an account."""
    await relay.accounts.invite("Ada")
    return relay.accounts.named("Ada").id


async def status(relay: Relay, name: str, password: str, source: str = HERE) -> int:
    """Show a password, and return what the answer to it is."""
    try:
        await relay.app_passwords.check(name, password, source)
    except Problem as problem:
        return problem.status
    return 200


async def test_a_password_says_whose_it_is_and_which_client_has_it(relay: Relay, ada: int) -> None:
    texts = [await relay.app_passwords.create(ada, client) for client in (" AntennaPod ", "gPodder")]
    assert all(FORM.fullmatch(text) for text in texts)
    found = [await relay.app_passwords.check("ada", text, HERE) for text in texts]
    assert [(each.account, each.client) for each in found] == [(ada, "AntennaPod"), (ada, "gPodder")]
    assert [each.client for each in relay.app_passwords.list(ada)] == ["gPodder", "AntennaPod"]


@pytest.mark.parametrize(
    "typed", [str.upper, lambda text: text.replace("-", ""), lambda text: f" {text.replace('-', ' – ')} "]
)
async def test_it_may_be_typed_in_any_case_and_without_its_dashes(relay: Relay, ada: int, typed: object) -> None:
    assert callable(typed)
    password = await relay.app_passwords.create(ada, "x")
    assert await status(relay, "ADA", typed(password)) == 200


def kept_in(folder: Path) -> bytes:
    """All that the relay has written into its database."""
    return b"".join(file.read_bytes() for file in folder.rglob("relay.db*"))


async def test_its_text_is_kept_nowhere(relay: Relay, ada: int, tmp_path: Path) -> None:
    password = await relay.app_passwords.create(ada, "a client to be found")
    kept = kept_in(tmp_path)
    assert b"a client to be found" in kept
    for text in (password, password.replace("-", "")):
        assert text.encode() not in kept
        assert text.upper().encode() not in kept


async def test_unknown_names_and_wrong_passwords_are_answered_alike(relay: Relay, ada: int) -> None:
    password = await relay.app_passwords.create(ada, "x")
    await relay.accounts.invite("Berta")
    answers = set()
    for name, wrong in (
        ("nobody", password),
        ("Berta", password),
        ("Ada", "k7qf-m2xd-9hwn-4tpb-rz6c"),
        ("Ada", ""),
        ("", ""),
        ("Ada", password + "\ud800"),
        ("Ada", password + " " * 300 + "x"),
        ("Ada", password[:-1]),
    ):
        with pytest.raises(Problem) as problem:
            await relay.app_passwords.check(name, wrong, f"192.0.2.{len(wrong) % 256}")
        answers.add((problem.value.status, problem.value.code, str(problem.value)))
    assert len(answers) == 1
    assert answers.pop()[0] == 401


async def test_after_too_many_wrong_ones_even_the_right_one_waits_a_while(relay: Relay, ada: int, clock: Clock) -> None:
    password = await relay.app_passwords.create(ada, "x")
    for _ in range(PASSWORDS_FOR_ONE_NAME_FROM_ONE_SOURCE):
        assert await status(relay, "Ada", "wrong") == 401
    assert await status(relay, "Ada", password) == 429
    assert await status(relay, "Ada", password, "198.51.100.7") == 200
    clock.now += 15 * MINUTE
    assert await status(relay, "Ada", password) == 200


async def test_right_ones_never_count(relay: Relay, ada: int) -> None:
    password = await relay.app_passwords.create(ada, "x")
    for _ in range(3 * PASSWORDS_FOR_ONE_NAME_FROM_ONE_SOURCE):
        assert await status(relay, "Ada", password) == 200


async def test_the_last_use_is_noted_once_in_an_hour(relay: Relay, ada: int, clock: Clock) -> None:
    password = await relay.app_passwords.create(ada, "x")
    began = clock.now
    noted = [relay.app_passwords.list(ada)[0].last_used]
    for _ in range(4):
        await relay.app_passwords.check("Ada", password, HERE)
        noted.append(relay.app_passwords.list(ada)[0].last_used)
        clock.now += HOUR // 2
    assert noted == [None, began, began, began + HOUR, began + HOUR]


async def test_a_revoked_one_is_worth_nothing_and_the_others_stay(relay: Relay, ada: int) -> None:
    one, other = [await relay.app_passwords.create(ada, "x") for _ in range(2)]
    found = await relay.app_passwords.check("Ada", one, HERE)
    assert await relay.app_passwords.revoke(ada, found.id)
    assert not await relay.app_passwords.revoke(ada, found.id)
    assert (await status(relay, "Ada", one), await status(relay, "Ada", other)) == (401, 200)


async def test_nobody_revokes_the_password_of_another(relay: Relay, ada: int) -> None:
    password = await relay.app_passwords.create(ada, "x")
    await relay.accounts.invite("Berta")
    (row,) = relay.app_passwords.list(ada)
    assert not await relay.app_passwords.revoke(relay.accounts.named("Berta").id, row.id)
    assert await status(relay, "Ada", password) == 200


@pytest.mark.parametrize("client", ["", "  ", "x" * 101, "a\nb"])
async def test_a_client_has_a_name_that_can_be_shown(relay: Relay, ada: int, client: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 100 characters"):
        await relay.app_passwords.create(ada, client)
    assert relay.app_passwords.list(ada) == []


async def test_an_account_that_is_gone_gets_none(relay: Relay) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        await relay.app_passwords.create(99, "x")
