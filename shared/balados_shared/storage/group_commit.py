"""Many writes, one commit, one fsync: what waits while the disk works goes together in the next transaction.

Law: a write is acknowledged after the COMMIT that holds it has returned, never before; one that fails takes no
other with it. With `synchronous=FULL` the fsync is what costs, so sharing it makes durability nearly free
(DESIGN.md section 5).
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from balados_shared.storage.errors import DatabaseClosed, sqlite_door
from balados_shared.storage.threads import ThreadConnection

GROUP_LIMIT = 256

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


Outcome = tuple[Any, BaseException | None]
"""What a work returned, or the error it raised."""

# Plain tuples and one cursor, because at 64 writers each microsecond of this file is five per cent.
_Waiting = tuple[Work[Any], asyncio.Future[Outcome]]


class GroupCommit:
    """The queue before the one writer. Belongs to one event loop."""

    def __init__(self, writer: ThreadConnection) -> None:
        self._writer = writer
        self._queue: deque[_Waiting] = deque()
        self._draining: asyncio.Task[None] | None = None
        self._closed = False

    def submit(self, work: Work[Any]) -> asyncio.Future[Outcome]:
        """Queue `work`. The future has its outcome after the commit. Raises `DatabaseClosed`."""
        if self._closed:
            raise DatabaseClosed
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((work, outcome))
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        return outcome

    async def finish(self) -> None:
        """Take no more writes and wait for those that are queued."""
        self._closed = True
        if self._draining is not None:
            await asyncio.wait([self._draining])

    async def _drain(self) -> None:
        group: list[_Waiting] = []
        try:
            while self._queue:
                group = [self._queue.popleft() for _ in range(min(GROUP_LIMIT, len(self._queue)))]
                _settle(group, await self._writer.run(partial(run_group, works=[work for work, _ in group])))
        except BaseException as error:
            # Only when the event loop is being torn down: nobody may be left waiting for ever.
            group += self._queue
            self._queue.clear()
            _settle(group, [(None, error)] * len(group))
            raise
        finally:
            self._draining = None


def run_group(connection: sqlite3.Connection, works: Sequence[Work[Any]]) -> list[Outcome]:
    """Run all `works` in one transaction, each in its own savepoint, and commit.

    The outcomes are in the order of `works`. When the transaction itself is lost (the disk is full, the COMMIT fails)
    nothing of it stays, and every work has that error as its outcome.
    """
    try:
        with sqlite_door:
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            outcomes = [_run_in_savepoint(cursor, work) for work in works]
            cursor.execute("COMMIT")
            return outcomes
    except BaseException as error:  # noqa: BLE001 - not swallowed: every caller of the group gets it
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return [(None, error)] * len(works)


def _run_in_savepoint(cursor: sqlite3.Cursor, work: Work[Any]) -> Outcome:
    connection = cursor.connection
    cursor.execute("SAVEPOINT work")
    try:
        with sqlite_door:
            value = work(connection)
            cursor.execute("RELEASE work")
            return value, None
    except BaseException as error:
        if not connection.in_transaction:  # SQLite has rolled back the whole group, so the whole group has failed
            raise
        cursor.execute("ROLLBACK TO work")
        cursor.execute("RELEASE work")
        return None, error


def _settle(group: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
    for (_, waiting), outcome in zip(group, outcomes, strict=True):
        if not waiting.done():  # its caller may have been cancelled
            waiting.set_result(outcome)
