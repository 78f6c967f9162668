"""Names and passwords that people may choose, and how passwords are kept."""

import asyncio
import time
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters

from balados_relay.people import passwords, rules
from balados_relay.people.passwords import ARGON2, Passwords
from balados_shared.errors import InvalidInput
from balados_shared.problems import Problem

REAL = ARGON2


@pytest.mark.parametrize("name", ["ada", "A-1", "_" * 30])
def test_documented_names_are_taken(name: str) -> None:
    assert rules.check_name(name) == name


@pytest.mark.parametrize("name", ["", "ab", "a" * 31, "a b c", "ädä", "ada\n", "ada\r\nSet-Cookie: x=y", "ada٣"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="3 to 30 characters"):
        rules.check_name(name)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("x" * 11, "at least 12"),
        ("x" * 129, "at most 128"),
        ("Ada-Lovelace-1", "must not be the name"),
        ("ADA-lovelace-1", "must not be the name"),
    ],
)
def test_a_password_that_cannot_be_is_refused_with_the_reason(password: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        rules.check_password(password, "Ada-Lovelace-1")


@pytest.mark.parametrize("password", ["x" * 12, "x" * 128, "\U0001f30d" * 12, "twelve words?"])
def test_any_other_password_is_taken(password: str) -> None:
    assert rules.check_password(password, "ada") == password


async def test_an_umlaut_is_the_same_from_every_keyboard() -> None:
    kept = await Passwords().hash(rules.check_password("gru\u0308n und grün", "ada"))
    assert await Passwords().fits(kept, rules.as_typed_anywhere("grün und gru\u0308n"))


def test_hashes_are_made_at_the_documented_cost() -> None:
    kept = extract_parameters(REAL.hash("x"))
    assert (kept.type.name, kept.time_cost, kept.memory_cost, kept.parallelism) == ("ID", 3, 64 * 1024, 1)


async def test_where_there_is_no_hash_the_same_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            worked.append(str(hash))
            return super().verify(hash, password)

    hasher = Passwords(Watched(time_cost=2, memory_cost=16, parallelism=1))
    kept = await hasher.hash("right")
    assert not await hasher.fits(None, "right")
    assert not await hasher.fits(kept, "wrong")
    assert await hasher.fits(kept, "right")
    nobodys, *others = map(extract_parameters, worked)
    assert others == [nobodys, nobodys]


async def test_an_older_hash_is_known_as_outdated() -> None:
    older = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x")
    assert Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)).is_outdated(older)
    assert not Passwords().is_outdated(older)


async def test_what_is_no_hash_fits_nothing() -> None:
    assert not await Passwords().fits("plain", "plain")


async def test_no_more_than_two_are_worked_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_WAITING", 6)
    now, most = 0, 0

    class Slow(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            nonlocal now, most
            now += 1
            most = max(most, now)
            time.sleep(0.005)
            now -= 1
            return "hash"

    hasher = Passwords(Slow())
    done = await asyncio.gather(*(hasher.hash("x") for _ in range(8)), return_exceptions=True)
    assert done.count("hash") == 6
    assert [error.status for error in done if isinstance(error, Problem)] == [503, 503]
    assert most == 2
    assert await hasher.hash("x") == "hash"
