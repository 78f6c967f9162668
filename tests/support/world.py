"""A household in one process: daemons and a relay over real files, each with its own clock, and a wire that can fail.

Only sockets and time are left out. A machine is the daemon's real library, membership and rounds; the relay is its
real exchange; what goes between them is the real JSON. What goes wrong is an object (`Fault`) that a test hands in.

Law: a machine that dies keeps nothing but its files, copied as they lay on the disk at that moment.
"""

import shutil
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from enum import Enum
from itertools import count
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple, Self, TypeVar

import pytest
from msgspec.structs import replace

from balados_daemon.app import SCHEMAS as DAEMON_SCHEMAS
from balados_daemon.library_service import LibraryService
from balados_daemon.receiving import Received
from balados_daemon.storage import device as device_storage
from balados_daemon.storage.device import ACCOUNT, Device, Relay
from balados_daemon.sync.line import Apply, RelayRefused, RelayUnavailable, SyncTrouble, trouble
from balados_daemon.sync.membership import Membership
from balados_daemon.sync.round import Round
from balados_relay.app import SCHEMAS as RELAY_SCHEMAS
from balados_relay.storage import accounts as accounts_storage
from balados_relay.sync.arrivals import Arrivals, Sender
from balados_shared import __version__
from balados_shared.cursor import Cursor
from balados_shared.edit import Edit
from balados_shared.http.access import Pace
from balados_shared.http.hub import Hub
from balados_shared.kinds import BY_KIND
from balados_shared.problems import Problem
from balados_shared.record import Record
from balados_shared.storage import checkpoints
from balados_shared.storage.database import Database
from balados_shared.storage.library import Saved
from balados_shared.storage.migrate import Schema
from balados_shared.storage.purge import purge_all
from balados_shared.storage.reader import LibraryReader
from balados_shared.times import Instant
from balados_shared.wire import SyncAnswer, decode_answer, decode_request, encode_answer, stored_record

T = TypeVar("T")

NEW_YEAR = 1_767_225_600_000
"""When a world begins: 2026-01-01, in milliseconds."""


class PowerCut(Exception):
    """A machine died in the middle of something."""


class Time:
    """The true time, in milliseconds. It passes when a test says so."""

    def __init__(self) -> None:
        self.now = NEW_YEAR


class Clock:
    """What one participant takes for the time: `skew` is how far it is off, in milliseconds."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.skew = 0

    def __call__(self) -> int:
        return self._time.now + self.skew


class Trouble(Enum):
    """What can happen to an exchange."""

    NONE = "none"
    REQUEST_LOST = "the relay never gets it"
    ANSWER_LOST = "the relay has it, the device does not know"
    SENT_TWICE = "the relay gets it twice"
    EDITED_MEANWHILE = "the person goes on while the request is under way"
    POWER_CUT = "the device dies when it writes the answer down"


class Fault(NamedTuple):
    """A trouble that strikes one exchange of a round: the first is page 0. `writes` are done before a power cut."""

    trouble: Trouble = Trouble.NONE
    page: int = 0
    writes: int = 0


NO_FAULT = Fault()


class FragileDatabase(Database):
    """A database whose program can be made to die before one of its next writes."""

    writes_left: int | None = None

    async def write(self, work: Callable[[Connection], T]) -> T:
        if self.writes_left == 0:
            raise PowerCut
        if self.writes_left is not None:
            self.writes_left -= 1
        return await super().write(work)


class Disk:
    """The files of one program: each life of it has a directory, so that a copy can be put back at any time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = count()

    def copy(self, database: Path) -> Path:
        """Copy a database as it lies there, with what is only in its WAL yet, and return where the copy is."""
        target = self._directory / str(next(self._numbers)) / database.name
        target.parent.mkdir(parents=True)
        for suffix in ("", "-wal"):
            with_suffix = database.with_name(database.name + suffix)
            if with_suffix.exists():
                shutil.copy(with_suffix, target.with_name(target.name + suffix))
        return target


def throw_away(copy: Path) -> None:
    """Delete a copy with all that lies beside it: a long life makes many."""
    shutil.rmtree(copy.parent)


class Program:
    """What daemon and relay have in common: a database that can be copied, killed and put back."""

    database: FragileDatabase

    def __init__(self, name: str, disk: Disk, schemas: Sequence[Schema], clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self._disk = disk
        self._schemas = schemas
        self._file = Path()

    async def boot(self, copy: Path) -> None:
        """Start on a copy of the files, which itself stays as it is."""
        self._file = self._disk.copy(copy)
        self.database = await FragileDatabase.open(self._file, self._schemas)

    async def stop(self) -> None:
        """End the program."""
        await self.database.close()

    async def lose_power(self) -> None:
        """Die on the spot and start again with what was on the disk."""
        found = self.copy()
        await self.restore(found)
        throw_away(found)

    async def restore(self, copy: Path) -> None:
        """Go on with an older copy of the files."""
        await self.stop()
        throw_away(self._file)
        await self.boot(copy)

    def copy(self) -> Path:
        """Copy the files as they are now."""
        return self._disk.copy(self._file)

    @property
    def reader(self) -> LibraryReader:
        return LibraryReader(self.database, ACCOUNT)

    def records(self) -> dict[tuple[str, str], Record]:
        """Return every record, by kind and key."""
        sql = "SELECT kind, key, state FROM records"
        rows = self.database.read(lambda connection: connection.execute(sql).fetchall())
        return {(kind, key): stored_record(BY_KIND[kind], state) for kind, key, state in rows}

    def folded(self, kind: str, key: str) -> Record | None:
        """Return what the folded part of the log says of a record."""
        sql = "SELECT checkpoints.state FROM checkpoints JOIN records ON id = record WHERE kind = ? AND key = ?"
        row = self.database.read(lambda connection: connection.execute(sql, (kind, key)).fetchone())
        return stored_record(BY_KIND[kind], row[0]) if row else None

    def wrong_records(self) -> list[tuple[str, str]]:
        """Return the records that are not what checkpoint and log say."""
        return self.database.read(lambda connection: list(checkpoints.wrong_records(connection, ACCOUNT)))

    async def tidy(self) -> None:
        """Fold the old part of the log, forget old tags and purge, as the program does by itself once a day."""
        await checkpoints.tidy(self.database, ACCOUNT, now=self.clock())
        await purge_all(self.database, ACCOUNT, now=self.clock())


class Server(Program):
    """The relay with its one account. `latest` is the latest time its clock ever showed."""

    def __init__(self, disk: Disk, empty: Path, clock: Clock) -> None:
        super().__init__("relay", disk, RELAY_SCHEMAS, clock)
        self._empty = empty
        self._accounts = count(1)
        self.latest = 0
        self.heard: deque[tuple[Sender, bytes]] = deque(maxlen=20)
        """Requests that may come once more, much later."""

    async def boot(self, copy: Path) -> None:
        await super().boot(copy)
        self.arrivals = Arrivals(self.database, self.clock, lambda account: None)
        self.user_id: str = self.database.read(lambda c: c.execute("SELECT user_id FROM accounts").fetchone()[0])

    async def start(self) -> None:
        """Start without any library."""
        await self.boot(self._empty_with_account())

    async def lose_everything(self, *, accounts_too: bool) -> None:
        """Come back empty. Accounts that were lost too are made anew, so devices have to be paired again."""
        fresh = self._empty_with_account(None if accounts_too else self.user_id)
        await self.restore(fresh)
        throw_away(fresh)

    def _empty_with_account(self, user_id: str | None = None) -> Path:
        file = self._disk.copy(self._empty)
        user_id = user_id or f"user-{next(self._accounts)}"
        with closing(sqlite3.connect(file)) as connection, connection:
            accounts_storage.create_account(connection, user_id=user_id, name="ana", now=self.clock())
        return file

    async def exchange(self, machine: "Machine", body: bytes) -> SyncAnswer:
        """Answer a request. Raises SyncTrouble as the HTTP client does."""
        relay = machine.membership.relay
        if relay is None or relay.user_id != self.user_id:
            raise RelayRefused("the relay does not know this device")
        sender = Sender(ACCOUNT, relay.app_id, machine.name)
        self.heard.append((sender, body))
        return await self._answer(sender, body)

    async def hear_again(self, index: int) -> None:
        """Get an old request once more; its answer reaches nobody."""
        if self.heard:
            sender, body = self.heard[index % len(self.heard)]
            try:
                await self._answer(sender, body)
            except SyncTrouble:
                return

    async def _answer(self, sender: Sender, body: bytes) -> SyncAnswer:
        self.latest = max(self.latest, self.clock())
        try:
            answer = await self.arrivals.exchange(sender, decode_request(body))
        except Problem as problem:
            raise trouble(problem.status, problem.code, problem.message, problem.headers.get("Retry-After")) from None
        return decode_answer(answer.body)

    def news_after(self, cursor: Cursor, limit: int) -> tuple[SyncAnswer, Cursor] | None:
        """Return what a live connection that stands at `cursor` is told next."""
        page = self.reader.changes_after(cursor.revision, limit)
        if not page.rows:
            return None
        frame = {"type": "sync_update", "after": cursor.write(), "cursor": page.cursor.write()}
        message = encode_answer(frame | {"synced_at": Instant(self.clock())}, page.rows)
        return decode_answer(message), page.cursor


class Message(NamedTuple):
    """A live message on its way: the cursor it follows on, and what it brings."""

    after: str
    answer: SyncAnswer


class Machine(Program):
    """A device with its daemon."""

    service: LibraryService
    membership: Membership

    def __init__(self, name: str, disk: Disk, clock: Clock, server: Server) -> None:
        super().__init__(name, disk, DAEMON_SCHEMAS, clock)
        self._server = server
        self.online = True
        self.told: Cursor | None = None
        """How far the relay's live connection to us has told us, None while there is none."""
        self.mail: list[Message] = []

    async def boot(self, copy: Path) -> None:
        """Start the daemon: a new process run. A machine without an identity gets its name as device id."""
        await super().boot(copy)
        known = self.database.read(lambda connection: device_storage.load_device(connection, ACCOUNT))
        device = known or Device(self.name, self.name)
        self.service = LibraryService(
            self.database, ACCOUNT, device, clock=self.clock, hub=Hub(), snapshots=self.snapshots
        )
        self.membership = Membership(self.database, self.service)
        await self.membership.begin()
        self.told = None

    @property
    def snapshots(self) -> Path:
        """Where the daemon puts copies of its library before something that may go wrong."""
        return self._file.parent / "snapshots"

    @property
    def id(self) -> str:
        return self.service.device.id

    async def pair(self) -> None:
        """Join the relay by the real joining; what the code and the key are for is tested elsewhere."""
        relay = Relay(
            url="http://relay.test",
            user_id=self._server.user_id,
            app_id=self.name,
            key="",
            paired_at=self.clock(),
            version=__version__,
        )
        await self.membership.join(relay)

    async def upgrade(self) -> None:
        """Start again as if another version of the program had written the files."""
        if (relay := self.membership.relay) is not None:
            older = replace(relay, version="older")
            await self.database.write(lambda connection: device_storage.save_relay(connection, ACCOUNT, older))
        await self.lose_power()

    async def edit(self, wish: Edit, pace: Pace = Pace.AT_ONCE) -> Saved | None:
        return await self.service.edit(wish, pace)

    async def sync(
        self, fault: Fault = NO_FAULT, *, meanwhile: Callable[[], Awaitable[object]] | None = None
    ) -> Received | None:
        """Run a round with everything that waits; None when it did not go through. A power cut restarts us."""
        wire = Wire(self._server, self, fault, meanwhile)
        try:
            return await Round(self.service, self.membership, wire, self.clock).run(everything=True)
        except SyncTrouble:
            return None
        except PowerCut:
            await self.lose_power()
            return None
        finally:
            self.database.writes_left = None

    def listen(self, limit: int = 3) -> None:
        """Let the relay send the next live message, which then is on its way to us."""
        if self.told is None:
            relay = self.membership.relay
            cursor = Cursor.read(relay.cursor) if relay and relay.user_id == self._server.user_id else None
            self.told = cursor if cursor is not None and self._server.reader.fits(cursor) else None
        if self.told is not None and (news := self._server.news_after(self.told, limit)) is not None:
            self.mail.append(Message(self.told.write(), news[0]))
            self.told = news[1]

    async def open_mail(self, index: int, *, keep: bool = False) -> bool:
        """Apply a live message if it follows on what we have, as the engine does; else it is left to a round."""
        if not self.mail:
            return False
        message = self.mail[index % len(self.mail)] if keep else self.mail.pop(index % len(self.mail))
        relay = self.membership.relay
        fits = relay is not None and relay.cursor == message.after
        if fits:
            await self.service.receive(message.answer)
        return fits


class Wire:
    """The line between one machine and the relay during one round (`balados_daemon.sync.line.Line`)."""

    def __init__(
        self, server: Server, machine: Machine, fault: Fault, meanwhile: Callable[[], Awaitable[object]] | None
    ) -> None:
        self._server = server
        self._machine = machine
        self._fault = fault
        self._meanwhile = meanwhile
        self._pages = count()

    async def exchange(self, body: bytes, apply: Apply) -> None:
        strikes = self._fault.trouble if next(self._pages) == self._fault.page else Trouble.NONE
        if strikes is Trouble.REQUEST_LOST or not self._machine.online:
            raise RelayUnavailable("the request is lost")
        answer = await self._server.exchange(self._machine, body)
        if strikes is Trouble.SENT_TWICE:
            answer = await self._server.exchange(self._machine, body)
        if strikes is Trouble.ANSWER_LOST:
            raise RelayUnavailable("the answer is lost")
        if strikes is Trouble.EDITED_MEANWHILE and self._meanwhile is not None:
            await self._meanwhile()
        if strikes is Trouble.POWER_CUT:
            self._machine.database.writes_left = self._fault.writes
        await apply(answer)


class World:
    """Machines, their relay, and the time. Made by `World.open`."""

    def __init__(self, directory: Path, time: Time, server: Server, empty: Path) -> None:
        self._directory = directory
        self._empty = empty
        self.time = time
        self.server = server
        self.machines: list[Machine] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path, machines: int = 0) -> AsyncIterator[Self]:
        """Make a world with an empty relay and `machines` paired devices named a, b, c, …; it ends with its files."""
        time = Time()
        blank = await _blank_databases(directory.parent / "blank")
        server = Server(Disk(directory / "relay"), blank / "relay.db", Clock(time))
        await server.start()
        world = cls(directory, time, server, blank / "daemon.db")
        try:
            for _ in range(machines):
                await (await world.add_machine()).pair()
            yield world
        finally:
            for program in (*world.machines, server):
                await program.stop()
            shutil.rmtree(directory)

    async def add_machine(self, copy: Path | None = None) -> Machine:
        """Add a device, new or as a clone that starts from a copy of another's files."""
        name = chr(ord("a") + len(self.machines))
        machine = Machine(name, Disk(self._directory / name), Clock(self.time), self.server)
        await machine.boot(copy or self._empty)
        self.machines.append(machine)
        return machine

    def passes(self, milliseconds: int) -> None:
        """Let time pass."""
        self.time.now += milliseconds

    async def settle(self, *, rounds: int = 3) -> None:
        """Let everybody sync in turn, with time to spare and nothing in the way."""
        for _ in range(rounds):
            for machine in self.machines:
                self.passes(1_000)
                assert await machine.sync() is not None, f"{machine.name}: {machine.membership.relay}"


@contextmanager
def small_and_repeatable() -> Iterator[None]:
    """Let requests and answers hold a handful of records, so that small libraries need many, and count new ids."""
    numbers = count(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("balados_daemon.sync.round.MAX_PUSH", 4)
        patch.setattr("balados_relay.sync.arrivals.MAX_PULL", 5)
        patch.setattr("balados_daemon.sync.membership.new_device_id", lambda: f"new{next(numbers)}")
        yield


async def _blank_databases(directory: Path) -> Path:
    """Make databases with their tables and nothing in them: once for all worlds, since that takes longest of all."""
    for name, schemas in (("relay", RELAY_SCHEMAS), ("daemon", DAEMON_SCHEMAS)):
        await (await Database.open(directory / f"{name}.db", schemas)).close()
    return directory
