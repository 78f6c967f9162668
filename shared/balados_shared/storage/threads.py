"""A connection that lives in a thread of its own, where plain functions are sent to it.

aiosqlite is used for nothing else, and its private names are used in this file only; statement by statement it
would cost a hop for each and interleave transactions of different tasks.
"""

import sqlite3
from collections.abc import Callable
from typing import Self, TypeVar, cast

import aiosqlite

from balados_shared.storage.errors import DatabaseClosed

T = TypeVar("T")


class ThreadConnection:
    """One sqlite3 connection and its thread. Functions run there one after the other, in the order they were sent."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._closed = False

    @classmethod
    async def open(cls, connect: Callable[[], sqlite3.Connection]) -> Self:
        """Start the thread and let it open the connection with `connect`."""
        connection = aiosqlite.Connection(connect, iter_chunk_size=64)
        # A program that dies without closing must still exit. What was acknowledged is on the disk by then.
        connection._thread.daemon = True
        try:
            return cls(await connection)
        except BaseException:
            _join(connection)
            raise

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run `function` with the connection. Cancelling the caller does not stop it."""
        if self._closed:
            raise DatabaseClosed
        connection = self._connection._conn
        return cast(T, await self._connection._execute(_run, function, connection))  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Finish what was sent, close the connection, end the thread. A second time does nothing."""
        if self._closed:
            return
        self._closed = True
        ended = self._connection.stop()
        try:
            if ended is not None:
                await ended
        finally:
            _join(self._connection)


def _join(connection: aiosqlite.Connection) -> None:
    """Wait for a thread that was told to stop; it waits for nobody.

    Left alone it could answer to an event loop that has been closed, which ends in a traceback.
    """
    connection._thread.join()


def _run(function: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
    try:
        return function(connection)
    except StopIteration as error:  # a future refuses to carry it, and the caller would wait for ever
        raise RuntimeError("a function sent to a database raised StopIteration") from error
