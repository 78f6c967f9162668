"""`/api/v1/live` for players: they are told of every change, also of those made elsewhere."""

from collections.abc import Callable
from typing import Any

from litestar import WebSocket, websocket
from litestar.di import NamedDependency

from balados_daemon.library_service import LibraryService
from balados_shared import problems
from balados_shared.http.access import Exchanged
from balados_shared.http.hub import Hub
from balados_shared.http.live import LiveConnection
from balados_shared.http.live_messages import Message

Admits = Callable[[object], bool]


class Player:
    """A local program that has shown the token, and may do everything."""

    may_play = may_sync = is_device = fractions = True

    def __init__(self, library: LibraryService) -> None:
        self.library = library
        self.account = library.account
        self.user_id = library.device.id

    def now(self) -> int:
        return self.library.now()

    async def exchange(self, text: str) -> Exchanged:
        raise problems.bad_request("A daemon is no relay; players use the REST routes and record_play")


@websocket("/live")
async def live(
    socket: WebSocket[Any, Any, Any],
    library: NamedDependency[LibraryService],
    hub: NamedDependency[Hub],
    admits: NamedDependency[Admits],
) -> None:
    """Serve one player."""

    async def admit(message: Message) -> Player:
        if not admits(message["token"]):
            raise problems.unauthorized()
        return Player(library)

    await LiveConnection(socket, hub, admit).run()
