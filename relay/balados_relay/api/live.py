"""`/api/v1/live` for devices: changes go both ways over one connection.

A device that connects again replaces its older connection; one whose key is revoked is cut off at once.
"""

import asyncio
from typing import Any

from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from msgspec import Struct

from balados_relay.accounts.callers import Caller
from balados_relay.accounts.service import Accounts
from balados_relay.api.sync import sender
from balados_relay.sync.arrivals import Arrivals
from balados_shared.edit import Edit
from balados_shared.errors import Refused
from balados_shared.http.access import Exchanged, Pace
from balados_shared.http.hub import Hub
from balados_shared.http.live import REPLACED, UNAUTHORIZED, LiveConnection, Message
from balados_shared.storage.database import Database
from balados_shared.storage.reader import LibraryReader
from balados_shared.wire import decode_request


class MemberLibrary(LibraryReader):
    """The library of a caller's account, to listen to. Changes come by sync, with their numbers."""

    async def change(self, wish: Edit, pace: Pace = Pace.AT_ONCE) -> bool:
        """Refuse a change that has no number."""
        raise Refused("this relay takes changes by sync only")


class Member:
    """A device that has shown a token of its account."""

    def __init__(self, caller: Caller, library: MemberLibrary, arrivals: Arrivals) -> None:
        self.caller = caller
        self.user_id = caller.user_id
        self.account = caller.account
        self.library = library
        self._arrivals = arrivals

    def now(self) -> int:
        return self._arrivals.now()

    async def exchange(self, text: str) -> Exchanged:
        return await self._arrivals.exchange(sender(self.caller), decode_request(text.encode()))


class Connections:
    """The open live connections, by device."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str, str], LiveConnection] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def opened(self, caller: Caller, connection: LiveConnection) -> None:
        """Let a connection stand for its device, in place of an older one."""
        key = (caller.account, caller.app_id, caller.device_id)
        if (older := self._open.get(key)) is not None:
            self._close(older, REPLACED, "another connection of this device took over")
        self._open[key] = connection

    def ended(self, caller: Caller, connection: LiveConnection) -> None:
        """Forget a connection, unless another stands in its place already."""
        key = (caller.account, caller.app_id, caller.device_id)
        if self._open.get(key) is connection:
            del self._open[key]

    def cut_off(self, account: int, app_id: str) -> None:
        """End every connection of a key that was revoked."""
        for (of, app, _), connection in list(self._open.items()):
            if (of, app) == (account, app_id):
                self._close(connection, UNAUTHORIZED, "revoked")

    def _close(self, connection: LiveConnection, code: int, reason: str) -> None:
        task = asyncio.create_task(connection.close(code, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class LiveRoom(Struct, frozen=True):
    """What the live route needs: who may come in, where news comes from, and who is there."""

    accounts: Accounts
    arrivals: Arrivals
    database: Database
    hub: Hub
    connections: Connections


@websocket("/live")
async def live(socket: WebSocket[Any, Any, Any], room: NamedDependency[LiveRoom]) -> None:
    """Serve one device."""
    admitted: list[Caller] = []

    async def admit(message: Message) -> Member:
        caller = room.accounts.authenticate(message["token"])
        room.accounts.claim_once(caller)  # what comes over this connection may write
        room.connections.opened(caller, connection)
        admitted.append(caller)
        return Member(caller, MemberLibrary(room.database, caller.account), room.arrivals)

    connection = LiveConnection(socket, room.hub, admit)
    try:
        await connection.run()
    finally:
        for caller in admitted:
            room.connections.ended(caller, connection)
