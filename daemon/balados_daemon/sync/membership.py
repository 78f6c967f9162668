"""How we stand with the relay: where we are in its history, how far our clock is off, who we are to it."""

import secrets
from collections.abc import Callable
from sqlite3 import Connection

from msgspec.structs import replace

from balados_daemon.library_service import LibraryService
from balados_daemon.receiving import Received
from balados_daemon.storage import device as device_storage
from balados_daemon.storage.device import Device, Relay
from balados_shared import __version__
from balados_shared.clock import WORTH_TELLING
from balados_shared.storage import queue
from balados_shared.storage.database import Database

STARTED_OVER = "The relay was replaced or lost its history. Everything is being merged again; nothing was removed."
NEW_ID = "Another machine uses this device's id, or it was restored from an older copy. It goes on under a new id."

RUNS_NAMED = 40
"""Process runs since the relay last answered that are named to it."""


class Membership:
    """The relay row of a library, and the device row that goes with it."""

    def __init__(self, database: Database, service: LibraryService) -> None:
        self._database = database
        self._service = service
        self._account = service.account
        self._run = secrets.token_urlsafe(8)

    @property
    def relay(self) -> Relay | None:
        """The relay we are paired with."""
        return self._database.read(lambda connection: device_storage.load_relay(connection, self._account))

    @property
    def device(self) -> Device:
        return self._service.device

    async def begin(self) -> None:
        """Start a process run: name it, and go on with the clock offset that the last one measured.

        After an upgrade the relay's history is read from its start again: an older version passed over what it could
        not read. Without its cursor a device could not tell that the relay lost something, so it sends everything too.
        """
        relay = self.relay
        if relay is not None and relay.version != __version__:
            await self._merge_all(self._service.now(), version=__version__)
        self._service.clock_offset = relay.clock_offset if relay else 0
        last_answered, since = self.device.runs[:1], self.device.runs[1:]
        await self._save_device(replace(self.device, runs=(*last_answered, *since[-RUNS_NAMED:], self._run)))

    async def join(self, relay: Relay) -> None:
        """Take a relay as ours: everything we have goes onto the queue, and we read its history from the start."""

        def save(connection: Connection) -> None:
            device_storage.save_relay(connection, self._account, relay)
            queue.put_everything(connection, self._account, now=relay.paired_at)

        await self._database.write(save)
        self._service.clock_offset = relay.clock_offset

    async def start_over(self, now: int) -> None:
        """Merge with a history that we do not know: joins make that harmless (DESIGN.md section 5)."""
        await self._merge_all(now, notice=STARTED_OVER)

    async def note_trouble(self, trouble: str, *, refused: bool) -> None:
        """Remember why the last round failed."""
        await self._update(lambda relay: replace(relay, trouble=trouble, refused=refused))

    async def learn_offset(self, offset: int) -> None:
        """Correct new stamps by how far our clock turned out to be off, in milliseconds."""
        total = self._service.clock_offset + offset
        if offset:
            self._service.clock_offset = total
            await self._update(lambda relay: replace(relay, clock_offset=total))

    async def was_heard(self) -> None:
        """The relay answered this process run: those before it need not be named any more."""
        if self.device.runs != (self._run,):
            await self._save_device(replace(self.device, runs=(self._run,)))

    async def heed(self, received: Received) -> None:
        """Go on under a new id if changes exist under ours that we never made."""
        if received.foreign:
            await self.take_new_id()

    async def take_new_id(self) -> None:
        """Go on under a new id for the next edits; what is queued keeps its old dots."""
        await self._save_device(replace(self.device, id=new_device_id(), runs=(self._run,)))
        await self._update(lambda relay: replace(relay, notice=NEW_ID))

    async def _merge_all(self, now: int, **news: str) -> None:
        """Send everything and read everything; `news` is what else changes in the relay's row."""

        def save(connection: Connection) -> None:
            self._change(connection, lambda relay: replace(relay, cursor="", **news))
            queue.put_everything(connection, self._account, now=now)

        await self._database.write(save)

    async def _save_device(self, device: Device) -> None:
        await self._database.write(lambda connection: device_storage.save_device(connection, self._account, device))
        self._service.device = device

    async def _update(self, change: Callable[[Relay], Relay]) -> None:
        await self._database.write(lambda connection: self._change(connection, change))

    def _change(self, connection: Connection, change: Callable[[Relay], Relay]) -> None:
        relay = device_storage.load_relay(connection, self._account)
        if relay is not None:
            device_storage.save_relay(connection, self._account, change(relay))


def new_device_id() -> str:
    """Return a random device id, short enough to stand in every record."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    return "".join(secrets.choice(alphabet) for _ in range(10))


def clock_warning(offset: int) -> str | None:
    """Say how far this device's clock is off, when it is worth telling. `offset` is in milliseconds."""
    if abs(offset) < WORTH_TELLING:
        return None
    minutes = round(abs(offset) / 60_000)
    amount = f"{minutes} min" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
    return f"this device's clock is {amount} {'ahead' if offset < 0 else 'behind'}"
