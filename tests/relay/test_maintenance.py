"""The relay's jobs: each alone, all together, by the clock and by hand."""

import logging
import sqlite3
from collections.abc import Iterator
from sqlite3 import Connection
from typing import Any

import pytest

from balados_relay import maintenance
from balados_relay.app import Relay
from balados_relay.maintenance import JOBS, Job, jobs_named, run_jobs
from balados_relay.storage import accounts as storage
from balados_relay.storage import people
from balados_relay.storage.accounts import Grant
from balados_shared.edit import subscribe, unsubscribe
from balados_shared.errors import InvalidInput
from balados_shared.storage import log, reading
from balados_shared.storage.checkpoints import KEPT, wrong_records
from balados_shared.storage.database import Database
from balados_shared.storage.errors import DiskFull
from balados_shared.storage.library import Library
from balados_shared.times import DAY, MINUTE
from support.loopback import Clock, until
from support.processes import Programs, RelayProgram
from support.strategies import FEED, NOON

SECRET = "what somebody wrote"


def _account(connection: Connection, name: str) -> int:
    account = storage.create_account(connection, user_id=f"user-{name}", name=name, now=NOON).id
    with Library(connection, account) as library:
        library.edit(subscribe(FEED, title=SECRET), device="A", now=NOON)
        library.edit(unsubscribe(FEED), device="A", now=NOON + 1)
    return account


async def account_of(relay: Relay, name: str) -> int:
    """Make an account that followed a feed and left it, the day the clock starts."""
    return await relay.database.write(lambda connection: _account(connection, name))


async def do(relay: Relay, *names: str) -> dict[str, int | None]:
    results = await run_jobs(relay.database, jobs_named(names), relay.clock)
    return {result.job: result.number for result in results}


async def test_old_changes_are_folded_and_old_deletions_purged_in_every_library(relay: Relay, clock: Clock) -> None:
    ids = [await account_of(relay, name) for name in ("anna", "berta")]
    assert await do(relay, "log", "purge") == {"log": 0, "purge": 0}
    clock.now = NOON + KEPT + DAY
    assert await do(relay, "purge") == {"purge": 0}  # not before the log is folded
    assert await do(relay, "log", "purge") == {"log": 4, "purge": 2}
    assert await do(relay, "log", "purge") == {"log": 0, "purge": 0}
    for account in ids:
        assert relay.database.read(lambda connection, a=account: log.latest(connection, a)) == []  # type: ignore[misc]
        assert not relay.database.read(lambda connection, a=account: list(wrong_records(connection, a)))  # type: ignore[misc]
    assert not relay.database.read(lambda connection: any(SECRET in line for line in connection.iterdump()))


async def test_a_damaged_library_keeps_no_other_from_being_folded(relay: Relay, clock: Clock) -> None:
    first, second = [await account_of(relay, name) for name in ("anna", "berta")]
    spoil = "UPDATE events SET incoming = '{' WHERE record IN (SELECT id FROM records WHERE account = ?)"
    await relay.database.write(lambda connection: connection.execute(spoil, (first,)))
    clock.now = NOON + KEPT + DAY
    assert await do(relay) == {job.name: None if job.name == "log" else 0 for job in JOBS} | {"purge": 1}
    assert relay.database.read(lambda connection: log.latest(connection, second)) == []


async def test_tags_are_forgotten_after_two_years_but_for_those_that_pages_end_at(relay: Relay, clock: Clock) -> None:
    account = await account_of(relay, "anna")
    clock.now = NOON + 731 * DAY
    assert await do(relay, "tags") == {"tags": 1}
    page = relay.database.read(lambda connection: reading.changes_after(connection, account, 0, 10))
    assert relay.database.read(lambda connection: reading.fits(connection, account, page.cursor))


async def test_pairing_codes_are_forgotten_when_they_are_over(relay: Relay, clock: Clock) -> None:
    await relay.accounts.invite("anna")
    clock.now += 10 * MINUTE
    code = await relay.accounts.invite("anna")
    clock.now += 6 * MINUTE
    assert await do(relay, "codes") == {"codes": 1}
    assert relay.accounts.peek(code, source="here").name == "anna"


async def test_logins_and_invitations_are_forgotten_when_they_are_over(relay: Relay, clock: Clock) -> None:
    account = await account_of(relay, "anna")

    def log_in(connection: Connection) -> None:
        for name, expires in ((b"over", NOON + 1), (b"good", NOON + DAY)):
            people.add_session(connection, account, name, agent="", remembered=False, now=NOON, expires=expires)
            people.add_invitation(connection, name, by=account, now=NOON, expires=expires)

    await relay.database.write(log_in)
    clock.now = NOON + 1
    assert await do(relay, "logins") == {"logins": 2}
    assert relay.database.read(lambda connection: people.find_session(connection, b"good", clock.now))
    assert relay.database.read(lambda connection: people.is_invited(connection, b"good", clock.now))


async def test_app_tokens_are_forgotten_when_nothing_can_renew_them_and_grants_stay(relay: Relay, clock: Clock) -> None:
    account = await account_of(relay, "anna")
    rows: dict[bytes, tuple[Any, ...]] = {
        b"good": (NOON + DAY, None, None),
        b"over": (NOON, None, None),
        b"can be renewed": (NOON, b"r1", NOON + DAY),
        b"never ends": (NOON, b"r2", None),
        b"renewal is over": (NOON, b"r3", NOON),
        b"good without renewal": (NOON + DAY, b"r4", NOON),
    }

    def grant(connection: Connection) -> None:
        storage.add_grant(connection, Grant(account, "app", "", "App", NOON))
        sql = (
            "INSERT INTO bearers (account, app_id, device_id, device_name, token_hash, created, expires, refresh_hash, "
            "refresh_expires) VALUES (?, 'app', 'd', 'D', ?, 0, ?, ?, ?)"
        )
        connection.executemany(sql, [(account, name, *row) for name, row in rows.items()])

    await relay.database.write(grant)
    assert await do(relay, "tokens") == {"tokens": 2}
    left = relay.database.read(lambda connection: connection.execute("SELECT token_hash FROM bearers").fetchall())
    assert {name for (name,) in left} == rows.keys() - {b"over", b"renewal is over"}
    assert relay.database.read(lambda connection: storage.get_grant(connection, account, "app"))


async def test_the_library_of_a_deleted_account_goes(relay: Relay) -> None:
    gone, stays = [await account_of(relay, name) for name in ("anna", "berta")]
    await relay.database.write(lambda connection: people.delete_account(connection, gone, NOON))
    assert await do(relay, "libraries") == {"libraries": 1}
    assert await do(relay, "libraries") == {"libraries": 0}

    def owners(connection: Connection) -> list[tuple[int]]:
        return connection.execute("SELECT account FROM records UNION SELECT account FROM tags").fetchall()

    assert relay.database.read(owners) == [(stays,)]


@pytest.mark.parametrize("error", [DiskFull(), sqlite3.OperationalError(SECRET)])
async def test_a_job_that_fails_stops_no_other_and_its_name_is_logged(
    relay: Relay, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def fail(database: Database, now: int) -> int:
        raise error

    jobs = [Job("broken", fail, "", ""), *jobs_named(["codes"])]
    with caplog.at_level(logging.WARNING):
        broken, codes = await run_jobs(relay.database, jobs, relay.clock)
    assert (broken.number, codes.number) == (None, 0)
    assert caplog.messages == [f"the job broken failed: {type(error).__name__}"]
    assert SECRET not in broken.told


async def test_what_a_job_did_is_told_in_words(relay: Relay, clock: Clock) -> None:
    await account_of(relay, "anna")
    clock.now = NOON + 2 * KEPT
    results = await run_jobs(relay.database, jobs_named(["purge", "log", "log"]), relay.clock)
    assert [result.told for result in results] == ["log folded: 2 lines", "long deleted purged: 1 record"]
    with pytest.raises(InvalidInput, match="there is no job 'dance'; the jobs are log, "):
        jobs_named(["log", "dance"])


async def test_the_jobs_are_done_by_the_clock(relay: Relay, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    account = await account_of(relay, "anna")
    clock.now = NOON + 2 * KEPT
    monkeypatch.setattr(maintenance, "EVERY", 1)
    monkeypatch.setattr(maintenance, "FIRST", 1)
    async with relay.running():
        await until(lambda: not relay.database.read(lambda connection: log.latest(connection, account)))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProgram]:
    with Programs(tmp_path_factory.mktemp("shared")) as programs:
        yield programs.relay()


def test_the_jobs_are_done_by_hand_whether_the_relay_runs_or_not(program: RelayProgram) -> None:
    for runs in (True, False):
        if not runs:
            assert program.stop() == 0
        said = program.cli("tidy")
        assert (said.rc, said.stderr, len(said.stdout.splitlines())) == (0, "", len(JOBS))
        assert said.stdout.startswith("log folded: 0 lines\n")
        assert program.cli("tidy", "purge", "--json").json == [
            {"job": "purge", "number": 0, "told": "long deleted purged: 0 records"}
        ]
        wrong = program.cli("tidy", "dance")
        assert (wrong.rc, wrong.stdout, len(wrong.stderr.splitlines())) == (1, "", 1)
        assert "the jobs are log, purge, " in wrong.stderr
