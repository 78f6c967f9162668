"""People's changes on their way to the disk: those that come while the disk works are made together.

Law: a change that is refused takes no other with it (it is refused before anything of it is written), and each is
acknowledged after the commit that holds it.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from sqlite3 import Connection

from msgspec import Struct

from balados_daemon.storage import device as device_storage
from balados_daemon.sync.schedule import queue_time
from balados_shared.edit import Edit
from balados_shared.errors import BaladosError, InvalidInput
from balados_shared.http.access import Pace
from balados_shared.storage import queue
from balados_shared.storage.database import Database
from balados_shared.storage.library import Library, Saved

MOST = 256
"""Changes in one transaction."""


class Wish(Struct, frozen=True):
    """A change that somebody wants, and how soon others must hear of it."""

    edit: Edit
    pace: Pace = Pace.AT_ONCE


Outcome = Saved | BaladosError | None
"""What became of a wish: saved, refused, or nothing to change."""


class Times(Struct, frozen=True):
    """By which clocks a change is made, in milliseconds: `now` dates it, `queued` is our own uncorrected time.

    The queue lives by our own clock: an offset that is learnt later must not move it.
    """

    now: int
    queued: int


class Editor:
    """Makes changes of one library. `times` gives the times, `device` the id by which changes are numbered."""

    def __init__(self, database: Database, account: int, device: Callable[[], str], times: Callable[[], Times]) -> None:
        self._database = database
        self._account = account
        self._device = device
        self._times = times
        self._waiting: list[tuple[Wish, asyncio.Future[Outcome]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def make(self, wish: Wish) -> Saved | None:
        """Make a change durable. Raises what it is refused for, or StorageError."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((wish, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        outcome = await done
        if isinstance(outcome, BaladosError):
            raise outcome
        return outcome

    async def make_together(self, edits: Sequence[Edit], pace: Pace) -> bool:
        """Make several changes in one transaction. Raises what one of them is refused for; then none is made."""
        work = partial(make_together, account=self._account, edits=edits, pace=pace)
        return await self._database.write(partial(work, device=self._device(), times=self._times()))

    async def _write(self) -> None:
        """Write until nobody waits."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._write_batch(batch)
        finally:
            self._writing = None

    async def _write_batch(self, batch: Sequence[tuple[Wish, "asyncio.Future[Outcome]"]]) -> None:
        wishes = [wish for wish, _ in batch]
        work = partial(make_all, account=self._account, wishes=wishes, device=self._device(), times=self._times())
        # Whatever goes wrong is told to those who wait for it; the next batch has nothing to do with it.
        (outcomes,) = await asyncio.gather(self._database.write(work), return_exceptions=True)
        for place, (_, done) in enumerate(batch):
            if done.done():
                continue
            if isinstance(outcomes, BaseException):
                done.set_exception(outcomes)
            else:
                done.set_result(outcomes[place])


def make_all(
    connection: Connection, account: int, *, wishes: Sequence[Wish], device: str, times: Times
) -> list[Outcome]:
    """Make changes in the caller's transaction, and queue them where there is a relay to send them to.

    Pairing queues all that was changed before it.
    """
    with Library(connection, account) as library:
        library.read_ahead(_names([wish.edit for wish in wishes]))
        outcomes = [_make(library, wish.edit, device, times.now) for wish in wishes]
    saved = [(each, wish.pace) for each, wish in zip(outcomes, wishes, strict=True) if isinstance(each, Saved)]
    _queue(connection, account, saved, times)
    return outcomes


def make_together(
    connection: Connection, account: int, *, edits: Sequence[Edit], pace: Pace, device: str, times: Times
) -> bool:
    """Make changes that belong together in the caller's transaction, which a refusal undoes; say if any changed."""
    with Library(connection, account) as library:
        library.read_ahead(_names(edits))
        outcomes = [library.edit(edit, device=device, now=times.now) for edit in edits]
    saved = [(each, pace) for each in outcomes if each is not None]
    _queue(connection, account, saved, times)
    return bool(saved)


def _queue(connection: Connection, account: int, saved: Sequence[tuple[Saved, Pace]], times: Times) -> None:
    if device_storage.load_relay(connection, account) is not None:
        dues = [(each.id, queue_time(times.queued, playing=pace is Pace.PLAYING)) for each, pace in saved]
        queue.put(connection, account, dues, now=times.queued)


def _make(library: Library, edit: Edit, device: str, now: int) -> Outcome:
    try:
        return library.edit(edit, device=device, now=now)
    except BaladosError as refusal:
        return refusal


def _names(edits: Sequence[Edit]) -> list[tuple[str, str]]:
    names: list[tuple[str, str]] = []
    for edit in edits:
        with suppress(InvalidInput):  # the edit itself says what is wrong
            names.append((edit.kind, edit.key))
    return names
