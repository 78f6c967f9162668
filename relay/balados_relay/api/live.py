"""`/api/v1/live` and `/sync/api/v1/live`, on any host: stock clients record plays, devices exchange changes both ways.

Law: what may be done is what the key's grant says now and, where a token names scopes, those as well: a token can ask
for less than was granted, never for more. A key that is revoked is cut off at once.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from msgspec import Struct
from msgspec.structs import replace

from balados_relay.accounts.callers import Caller
from balados_relay.accounts.claimed import claimed_scopes
from balados_relay.accounts.pairing import DEVICE_PREFIX
from balados_relay.accounts.scopes import allows
from balados_relay.accounts.service import Accounts
from balados_relay.api.sync import sender
from balados_relay.sync.arrivals import Arrivals
from balados_shared import problems
from balados_shared.http.access import Exchanged, LibraryAccess
from balados_shared.http.flood import ConnectionLimit, PlayLimit
from balados_shared.http.hub import Hub
from balados_shared.http.live import REPLACED, UNAUTHORIZED, LiveConnection, no_scope
from balados_shared.http.live_messages import Message
from balados_shared.wire import decode_request

PLAYS, SYNC = "user.plays.write", "user.sync"


class Connections:
    """The open live connections: whose they are, and which one speaks for each device."""

    def __init__(self) -> None:
        self._open: dict[LiveConnection, Caller] = {}
        self._devices: dict[tuple[int, str, str], LiveConnection] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, caller: Caller, connection: LiveConnection) -> None:
        """Remember a connection until it has ended."""
        self._open[connection] = caller

    def speaks(self, caller: Caller, connection: LiveConnection) -> None:
        """Let a connection stand for its device, in place of an older one."""
        key = _device(caller)
        if (older := self._devices.get(key)) is not None and older is not connection:
            self._close(older, REPLACED, "another connection of this device took over")
        self._devices[key] = connection

    def ended(self, connection: LiveConnection) -> None:
        """Forget a connection; its device too, unless another stands in its place already."""
        caller = self._open.pop(connection, None)
        if caller is not None and self._devices.get(_device(caller)) is connection:
            del self._devices[_device(caller)]

    def cut_off(self, account: int, app_id: str | None = None) -> None:
        """End every connection of a key that was revoked, or of a whole account."""
        for connection, caller in list(self._open.items()):
            if caller.account == account and app_id in (None, caller.app_id):
                self._close(connection, UNAUTHORIZED, "revoked")

    def _close(self, connection: LiveConnection, code: int, reason: str) -> None:
        task = asyncio.create_task(connection.close(code, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class LiveRoom(Struct, frozen=True):
    """What the live route needs: who may come in, where news comes from, who is there, and how much they may say.

    `library_of` gives the library of a caller, as far as the caller may change it. `spend` counts the bytes
    of an exchange. `ticks` is a clock in seconds.
    """

    accounts: Accounts
    arrivals: Arrivals
    hub: Hub
    connections: Connections
    library_of: Callable[[Caller], LibraryAccess]
    plays: PlayLimit
    spend: Callable[[Caller, int], None]
    ticks: Callable[[], float] = time.monotonic


class Member:
    """A client or device that has shown a token of its account."""

    fractions = False

    def __init__(self, caller: Caller, scopes: tuple[bool, bool], room: LiveRoom, connection: LiveConnection) -> None:
        self.caller = caller
        self.user_id = caller.user_id
        self.account = caller.account
        # The token was used up when it opened the connection, not by each change that comes over it.
        self.library = room.library_of(replace(caller, token_id=None))
        self.may_play, self.may_sync = scopes
        self.is_device = caller.app_id.startswith(DEVICE_PREFIX)
        self._room = room
        self._connection = connection

    def now(self) -> int:
        return self._room.arrivals.now()

    async def exchange(self, text: str) -> Exchanged:
        if not self.may_sync:
            raise problems.forbidden()
        self._room.connections.speaks(self.caller, self._connection)
        self._room.spend(self.caller, len(text))
        return await self._room.arrivals.exchange(sender(self.caller), decode_request(text.encode()))


@websocket(["/api/v1/live", "/sync/api/v1/live"])
async def live(socket: WebSocket[Any, Any, Any], room: NamedDependency[LiveRoom]) -> None:
    """Serve one client or device."""

    async def admit(message: Message) -> Member:
        return _admit(room, message["token"], connection)

    connection = LiveConnection(socket, room.hub, admit, ConnectionLimit(room.plays, room.ticks))
    try:
        await connection.run()
    finally:
        room.connections.ended(connection)


def _admit(room: LiveRoom, token: str, connection: LiveConnection) -> Member:
    """Let in who may do anything here. Raises Problem, or LiveProblem for a good token that opens nothing."""
    caller = room.accounts.authenticate(token)
    claimed = claimed_scopes(token)
    may_play, may_sync = (
        allows(caller.scopes, scope) and (claimed is None or allows(claimed, scope)) for scope in (PLAYS, SYNC)
    )
    if not (may_play or may_sync):
        raise no_scope("play recording")
    room.accounts.claim_once(caller)  # what comes over this connection may write
    room.connections.opened(caller, connection)
    return Member(caller, (may_play, may_sync), room, connection)


def _device(caller: Caller) -> tuple[int, str, str]:
    return (caller.account, caller.app_id, caller.device_id)
