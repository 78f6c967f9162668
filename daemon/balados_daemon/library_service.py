"""The one write path of a device: every change of the library, from whichever side, goes through here.

Law: a change is acknowledged when its record, its line in the log and its place in the queue are on the disk, and only
then others hear of it (DESIGN.md section 4).
"""

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from sqlite3 import Connection

from balados_daemon import receiving
from balados_daemon.editing import Editor, Times, Wish, make_all
from balados_daemon.receiving import Received
from balados_daemon.storage import held
from balados_daemon.storage.device import Device, load_relay
from balados_daemon.undo import undo
from balados_shared import problems
from balados_shared.edit import Edit, subscribe
from balados_shared.http.access import Pace
from balados_shared.http.hub import Hub
from balados_shared.ids import FeedId
from balados_shared.kinds import Subscription, kind_named
from balados_shared.record import Record
from balados_shared.rules import value_of
from balados_shared.storage import counts, queue, reading
from balados_shared.storage.database import Database
from balados_shared.storage.library import Library, Saved
from balados_shared.storage.queue import Letter
from balados_shared.storage.reader import LibraryReader
from balados_shared.times import LATEST
from balados_shared.uuids import RANDOM_BYTES, new_uuid
from balados_shared.wire import SyncAnswer

LOCAL_USER = "00000000-0000-0000-0000-000000000000"
"""Whose library it is as long as no relay knows it (RFC 9562, the nil UUID)."""


class LibraryService(LibraryReader):
    """The library of this device. `on_change` is called after each local change, `clock` gives milliseconds."""

    def __init__(
        self,
        database: Database,
        account: int,
        device: Device,
        *,
        clock: Callable[[], int],
        hub: Hub,
        snapshots: Path,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        super().__init__(database, account)
        self._snapshots = snapshots
        self.device = device
        self.clock_offset = 0
        """What to add to our clock, as measured against the relay's, in milliseconds."""
        self.on_change: Callable[[], None] = lambda: None
        self._clock = clock
        self._hub = hub
        self._random_bytes = random_bytes
        self._editor = Editor(database, account, lambda: self.device.id, self._times)

    @property
    def user_id(self) -> str:
        """Whose library it is, as its relay names them."""
        relay = self._read(load_relay)
        return relay.user_id if relay else LOCAL_USER

    @property
    def author(self) -> str:
        """Under which id changes are numbered here."""
        return self.device.id

    def new_id(self) -> str:
        """Return an id for something that is made now."""
        return new_uuid(self.now(), self._random_bytes(RANDOM_BYTES))

    def now(self) -> int:
        """Return the time by which changes are dated: our clock, corrected by the measured offset."""
        return self._clock() + self.clock_offset

    async def change(self, wish: Edit, pace: Pace = Pace.AT_ONCE) -> bool:
        """Make a person's change, durable and queued. False when it would change nothing."""
        return await self.edit(wish, pace) is not None

    async def change_all(self, wishes: Sequence[Edit], pace: Pace = Pace.AT_ONCE) -> bool:
        """Make changes that belong together: all or, when one is refused, none. False when nothing would change."""
        changed = await self._editor.make_together(wishes, pace)
        if changed:
            self._announce()
        return changed

    async def edit(self, wish: Edit, pace: Pace = Pace.AT_ONCE) -> Saved | None:
        """Make a person's change and return what it did."""
        saved = await self._editor.make(Wish(wish, pace))
        if saved is not None:
            self._announce()
        return saved

    def count(self) -> int:
        """Return how far this device has numbered its changes."""
        device = self.device.id
        return self._database.read(lambda connection: counts.load(connection, self.account, device))

    def letters(self, *, limit: int, everything: bool) -> list[Letter]:
        """Return what is to be sent now; `everything` also counts what the schedule still gathers."""
        now = LATEST if everything else self._clock()
        return self._read(queue.letters, now=now, limit=limit)

    def queue_due(self) -> int | None:
        """Return from when on something wants to be sent, by our own clock; None when nothing waits."""
        return self._read(queue.next_due, now=self._clock())

    def queue_summary(self) -> queue.Summary:
        """Return how much waits for the relay."""
        return self._read(queue.summary)

    def waiting(self) -> list[queue.Waiting]:
        """Return the rows of the queue."""
        return self._read(queue.waiting)

    async def postpone(self, letters: Sequence[Letter], error: str) -> None:
        """Note for a person that sending these failed, and why."""
        await self._database.write(lambda connection: queue.postpone(connection, letters, error=error))

    async def retry(self) -> int:
        """Give every parked row another chance. Returns how many."""
        retry = partial(queue.retry, account=self.account, now=self._clock())
        tried = await self._database.write(retry)
        self.on_change()
        return tried

    def names(self) -> list[tuple[str, str]]:
        """Return (kind, key) of every record that is there."""
        return self._read(reading.names)

    def number_of(self, kind: str) -> int:
        """Count the records of a kind that are there."""
        return self._read(reading.number_of, kind=kind_named(kind))

    async def receive(self, answer: SyncAnswer, letters: Sequence[Letter] = ()) -> Received:
        """Store what the relay says. Before the mass-removal brake holds the first removal, a snapshot is taken."""
        if self._must_hold(answer) and not self._read(held.everything):
            await self._database.snapshot(self._snapshots / f"before-mass-removal-{self._clock()}.db")
        received = await self._database.write(
            partial(
                receiving.receive,
                account=self.account,
                answer=answer,
                letters=letters,
                now=self.now(),
                own=self.device.id,
            )
        )
        if received.changed:
            self._hub.announce(self.account)
        return received

    def _announce(self) -> None:
        """Tell those who wait for changes made here."""
        self._hub.announce(self.account)
        self.on_change()

    def _must_hold(self, answer: SyncAnswer) -> bool:
        """Whether the mass-removal brake will hold some of an answer."""
        ask = partial(receiving.removals, account=self.account, records=answer.records, now=self.now())
        return bool(self._database.read(partial(ask, own=self.device.id)))

    async def undo(self, number: int, *, force: bool = False) -> Saved | None:
        """Undo one event of the log. Raises Problem 404, or Refused when it cannot be undone."""
        event = self.event(number)
        record = self.record(event.kind, event.key) if event else None
        if event is None or record is None:
            raise problems.not_found("There is no such event in the log")
        return await self.edit(undo(event, value_of(record), force=force))

    def held(self) -> list[Subscription]:
        """Return the subscriptions whose removal is held, as they would be."""
        records = self._read(held.everything)
        return [value for record in records if isinstance(value := value_of(record), Subscription)]

    async def let_go(self) -> int:
        """Accept every removal that is held. Returns how many."""
        done = await self._database.write(self._let_go)
        self._announce()
        return done

    async def keep(self) -> int:
        """Keep every subscription whose removal is held: a new edit that knows the removal. Returns how many."""
        kept = await self._database.write(self._keep)
        self._announce()
        return kept

    def _let_go(self, connection: Connection) -> int:
        records = held.everything(connection, self.account)
        self._join_held(connection, records)
        return len(records)

    def _join_held(self, connection: Connection, records: Sequence[Record]) -> None:
        """Join what was held, and queue it: a relay that lost it meanwhile may get it from nobody else."""
        with Library(connection, self.account) as library:
            saved = library.join_all(records, now=self.now())
        now = self._clock()
        queue.put(connection, self.account, [(done.id, now) for done in saved if done.revision], now=now)
        for record in records:
            held.release(connection, self.account, record)

    def _keep(self, connection: Connection) -> int:
        records = held.everything(connection, self.account)
        self._join_held(connection, records)
        wishes = [Wish(subscribe(FeedId(record.key))) for record in records]
        make_all(connection, self.account, wishes=wishes, device=self.device.id, times=self._times())
        return len(records)

    def _times(self) -> Times:
        return Times(self.now(), self._clock())
