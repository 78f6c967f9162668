"""What a relay does when nobody asks: jobs that fold, purge and forget what is over.

Law: each job is one function of the database and the time. It works in small transactions, so it may be killed
anywhere, run at any moment, also twice at once, and run again. One that fails stops no other.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from msgspec import Struct

from balados_relay.accounts.service import Accounts
from balados_relay.storage import accounts as storage
from balados_relay.storage import expired, people
from balados_shared.errors import BaladosError, InvalidInput
from balados_shared.storage import checkpoints, forget, purge
from balados_shared.storage.database import Database
from balados_shared.storage.errors import Corrupt
from balados_shared.times import HOUR, MINUTE

EVERY = 6 * HOUR
FIRST = 5 * MINUTE
"""A relay that is restarted every day tidies up too."""

_log = logging.getLogger(__name__)

Work = Callable[[Database, int], Awaitable[int]]


class Job(Struct, frozen=True):
    """One of the jobs: its name, its work, and how that is told, e.g. `log folded: 12 lines`."""

    name: str
    work: Work
    told: str
    thing: str


class Result(Struct, frozen=True):
    """What became of a job: how many things it dealt with, None when it failed, and that in words."""

    job: str
    number: int | None
    told: str


async def fold_logs(database: Database, now: int) -> int:
    """Fold what is older than 45 days in every library. Returns how many lines of the log were folded."""
    return await _in_every_library(database, lambda account: checkpoints.fold_all(database, account, now=now))


async def forget_tags(database: Database, now: int) -> int:
    """Forget the tags of arrivals older than two years."""

    def forget_in(account: int) -> Awaitable[int]:
        return database.write(partial(checkpoints.forget_tags, account=account, now=now))

    return await _in_every_library(database, forget_in)


async def purge_deleted(database: Database, now: int) -> int:
    """Make stubs of what was deleted more than 45 days ago. What is not folded yet waits."""
    return await _in_every_library(database, lambda account: purge.purge_all(database, account, now=now))


async def take_libraries_away(database: Database, now: int) -> int:
    """Take away what is left of the libraries of deleted accounts. Returns of how many there was something."""
    total = 0
    for account in database.read(people.list_deletions):
        found = False
        while await database.write(partial(forget.forget_some, account=account)):
            found = True
        total += found
    return total


async def forget_logins(database: Database, now: int) -> int:
    """Forget expired sessions and invitations."""
    return await database.write(lambda connection: people.forget_expired(connection, now))


async def forget_codes(database: Database, now: int) -> int:
    """Forget expired pairing codes."""
    return await database.write(lambda connection: storage.forget_expired_invites(connection, now))


async def forget_tokens(database: Database, now: int) -> int:
    """Forget the tokens of apps that are over and that nothing can renew. The grants stay."""
    return await database.write(lambda connection: expired.forget_expired_bearers(connection, now))


JOBS = (
    Job("log", fold_logs, "log folded", "line"),
    Job("purge", purge_deleted, "long deleted purged", "record"),
    Job("tags", forget_tags, "old cursors forgotten", "cursor"),
    Job("libraries", take_libraries_away, "deleted accounts emptied", "account"),
    Job("logins", forget_logins, "logins and invitations forgotten", "row"),
    Job("codes", forget_codes, "pairing codes forgotten", "code"),
    Job("tokens", forget_tokens, "app tokens forgotten", "token"),
)
"""All jobs, in the order in which they are done."""


def jobs_named(names: Sequence[str]) -> list[Job]:
    """Return the jobs of these names, or all. Raises InvalidInput for a name that none has."""
    known = {job.name: job for job in JOBS}
    if unknown := [name for name in names if name not in known]:
        raise InvalidInput(f"there is no job {unknown[0][:50]!r}; the jobs are {', '.join(known)}")
    return [job for job in JOBS if not names or job.name in names]


async def run_jobs(database: Database, jobs: Sequence[Job], clock: Callable[[], int]) -> list[Result]:
    """Do jobs one after another, and give the disk its space back."""
    results = [await _run(database, job, clock()) for job in jobs]
    await database.checkpoint()
    return results


async def keep_tidy(database: Database, accounts: Accounts, clock: Callable[[], int]) -> None:
    """Do all jobs soon, and then every few hours, for ever."""
    wait = FIRST
    while True:
        await asyncio.sleep(wait / 1_000)
        wait = EVERY
        try:
            await accounts.save_uses()
            await run_jobs(database, JOBS, clock)
        except BaladosError as error:
            _log.warning("could not tidy up: %s", error)


async def _run(database: Database, job: Job, now: int) -> Result:
    try:
        number = await job.work(database, now)
    except (BaladosError, sqlite3.Error) as error:
        # Only its class: what SQLite says may quote what is in a library.
        why = type(error).__name__
        _log.warning("the job %s failed: %s", job.name, why)
        return Result(job.name, None, f"{job.name} failed: {error if isinstance(error, BaladosError) else why}")
    return Result(job.name, number, f"{job.told}: {number} {job.thing}{'s' * (number != 1)}")


async def _in_every_library(database: Database, work: Callable[[int], Awaitable[int]]) -> int:
    """Do something to every library; one that is damaged keeps no other from it. Raises Corrupt at the end."""
    total, damaged = 0, None
    for account in database.read(storage.list_accounts):
        try:
            total += await work(account.id)
        except Corrupt as error:
            damaged = error
    if damaged is not None:
        raise damaged
    return total
