"""The live connection to the relay: pushes and receives without a new request (DESIGN.md section 4, "Live messages").

Law: what the relay says is applied in the order in which it says it: updates and answers share one reader.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, field

from balados_daemon.sync.line import Apply, RelayRefused, RelayUnavailable, SyncTrouble, trouble
from balados_shared.errors import BaladosError, InvalidInput
from balados_shared.wire import SyncAnswer, decode_answer, encode_json

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

ANSWER_SECONDS = 30.0
MAX_MESSAGE = 64 * 2**20
UNAUTHORIZED, REPLACED = 4401, 4409

OnUpdate = Callable[[str, SyncAnswer], Awaitable[None]]


class LiveLine:
    """An open live connection. `on_update` gets each update with the cursor before it."""

    def __init__(self, connection: "ClientConnection", on_update: OnUpdate) -> None:
        self._connection = connection
        self._on_update = on_update
        self.subscribed = False
        self._ids = itertools.count(1)
        self._waiting: dict[int, tuple[Apply, asyncio.Future[None]]] = {}

    async def authenticate(self, token: str) -> None:
        """Show a token. Raises RelayRefused when it is not accepted, and TimeoutError."""
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._receive()  # the greeting
            await self._send({"type": "auth", "token": token})
            reply, _ = await self._receive()
        if reply.status != "ok":
            raise RelayRefused("the relay does not accept this device any more")

    async def subscribe(self, cursor: str) -> None:
        """Ask to be told of everything after a cursor. A bad one shows in the next round, so no reply is waited for."""
        await self._send({"type": "subscribe", "cursor": cursor})
        self.subscribed = True

    async def exchange(self, body: bytes, apply: Apply) -> None:
        """Do one exchange over the open connection."""
        number = next(self._ids)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = apply, done
        try:
            await self._send_text(b'{"type":"sync","id":%d,' % number + body[1:])
            async with asyncio.timeout(ANSWER_SECONDS):
                await done
        except TimeoutError:
            self.drop()
            raise RelayUnavailable("the relay does not answer on the live connection") from None
        finally:
            self._waiting.pop(number, None)

    def drop(self) -> None:
        """End the connection without a word; `run` then ends."""
        self._connection.transport.abort()

    async def run(self) -> None:
        """Read until the connection ends. Raises SyncTrouble that says why it did, or what `on_update` raises."""
        reason = "the live connection ended"
        try:
            while True:
                await self._handle(*await self._receive())
        except BaladosError as error:
            reason = str(error)
            raise
        finally:
            for _, done in self._waiting.values():
                _fail(done, RelayUnavailable(reason))

    async def _handle(self, frame: "_Frame", text: bytes) -> None:
        if frame.type == "sync_update":
            await self._on_update(frame.after, _read(text))
        elif frame.type == "sync_result" and frame.id in self._waiting:
            await self._answer(frame, text)

    async def _answer(self, frame: "_Frame", text: bytes) -> None:
        apply, done = self._waiting[frame.id]
        try:
            _check(frame)
            await apply(_read(text))
        except BaladosError as error:
            _fail(done, error)
        else:
            if not done.done():  # who asked may have given up meanwhile
                done.set_result(None)

    async def _receive(self) -> tuple["_Frame", bytes]:
        from websockets.exceptions import ConnectionClosed

        try:
            text = await self._connection.recv(decode=False)
            return msgspec.json.decode(text, type=_Frame), text
        except ConnectionClosed as closed:
            raise _closed(closed.rcvd.code if closed.rcvd else 1006) from None
        except msgspec.DecodeError:
            raise RelayUnavailable("the relay sent something that is not understood") from None

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_text(encode_json(message))

    async def _send_text(self, body: bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(body, text=True)
        except ConnectionClosed:
            raise RelayUnavailable("the live connection ended") from None


def _closed(code: int) -> SyncTrouble:
    if code == UNAUTHORIZED:
        return RelayRefused("the relay does not accept this device any more")
    if code == REPLACED:
        return RelayUnavailable("another connection of this device took over")
    return RelayUnavailable("the live connection ended")


def _fail(done: asyncio.Future[None], error: BaladosError) -> None:
    if not done.done():
        done.set_exception(error)


class _Problem(Struct, frozen=True):
    """Why an exchange failed, as the relay says it."""

    code: str = ""
    message: str = ""
    status: int = 500
    retry_after: str | None = field(default=None, name="Retry-After")


class _Frame(Struct):
    """What a message is, whatever records it carries."""

    type: str = ""
    id: int = 0
    after: str = ""
    status: str = ""
    error: _Problem = _Problem()


def _check(frame: _Frame) -> None:
    if frame.status == "error":
        error = frame.error
        raise trouble(error.status, error.code, error.message, error.retry_after)


def _read(text: bytes) -> SyncAnswer:
    try:
        return decode_answer(text)
    except InvalidInput as error:
        raise RelayUnavailable(f"the relay's message cannot be read: {error}") from None
