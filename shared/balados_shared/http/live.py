"""`/api/v1/live`: one WebSocket that is told of changes, and that can send them (protocol sheet, section 6).

The documented messages (`auth`, `record_play`, their replies and error codes) are for every client. Ours come behind
them: after `subscribe` the connection follows the library and gets `sync_update` messages, each with the records, the
cursor behind them and the cursor before; a device also sends `sync`, which is `POST /api/v1/sync` without a request.

Law: what a connection is told is what it lacks, read when it is ready to hear it. So nothing is queued for a slow
listener, a burst reaches it as one message, and nobody waits for anybody else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from balados_shared.cursor import Cursor
from balados_shared.edit import progress
from balados_shared.errors import BaladosError, InvalidInput
from balados_shared.http.access import Exchanged, LibraryAccess, Pace
from balados_shared.http.flood import ConnectionLimit, Flooding
from balados_shared.http.hub import Hub
from balados_shared.http.live_messages import LiveProblem, Message, check_auth, read_message, read_play
from balados_shared.http.problems import problem_of
from balados_shared.http.websockets import KNOWN
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.problems import Problem
from balados_shared.wire import encode_json

AUTH_SECONDS = 10
AUTH_TRIES = 3

UNAUTHORIZED, REPLACED, FLOODING = 4401, 4409, 4429
"""Close codes: not (or no longer) allowed; another connection of the same device took over; far too many messages."""


class Guest(Protocol):
    """Somebody who has shown a token: whose library it is, and what they may do."""

    @property
    def user_id(self) -> str: ...

    @property
    def account(self) -> int: ...

    @property
    def library(self) -> LibraryAccess: ...

    @property
    def may_play(self) -> bool:
        """Whether they may record plays."""
        ...

    @property
    def is_device(self) -> bool:
        """Whether it is one of our own programs, for which other limits hold."""
        ...

    @property
    def may_sync(self) -> bool:
        """Whether they may follow the library and exchange changes: one of our own devices, or an app like one."""
        ...

    @property
    def fractions(self) -> bool:
        """Whether they may name a fraction of a second even where the documented message knows whole ones only."""
        ...

    def now(self) -> int: ...

    async def exchange(self, text: str) -> Exchanged:
        """Answer a `sync` message, whole as it came. Raises Problem or InvalidInput."""
        ...


Admit = Callable[[Message], Awaitable[Guest]]
"""Answers an `auth` message with its guest. Raises LiveProblem, or Problem for a token that is no good."""


class LiveConnection:
    """One open connection, from its greeting to its end. Without a `limit` it may say as much as it likes."""

    def __init__(
        self, socket: WebSocket[Any, Any, Any], hub: Hub, admit: Admit, limit: ConnectionLimit | None = None
    ) -> None:
        self._socket = socket
        self._hub = hub
        self._admit = admit
        self._limit = limit
        self._cursor: Cursor | None = None
        self._subscribed = False
        # News and answers take turns, so that they reach the device in the order of the library's history.
        self._turn = asyncio.Lock()
        self._guest: Guest
        self._serving: asyncio.Task[Any] | None = None
        # A task for each connection that waits for news would be dear; one is made when there are some.
        self._telling: asyncio.Task[None] | None = None
        self._has_news = False
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        await self._socket.accept()
        with suppress(WebSocketDisconnect):
            welcome = "Balados Sync live connection ready. Send auth message to authenticate."
            await self._send({"status": "connected", "message": welcome})
            try:
                await self._serve()
            except Flooding:
                await self.close(FLOODING, "far too many messages")

    async def close(self, code: int, reason: str) -> None:
        """End the connection with a reason that the other side can read."""
        with suppress(RuntimeError, OSError, WebSocketDisconnect):
            await self._socket.close(code=code, reason=reason)

    async def _serve(self) -> None:
        guest = await self._authenticated()
        if guest is None:
            await self.close(UNAUTHORIZED, "not authenticated")
            return
        self._guest = guest
        self._serving = asyncio.current_task()
        self._hub.add(guest.account, self._wake)
        try:
            while True:
                await self._answer_next(guest)
        except asyncio.CancelledError:
            if self._failure is not None:
                raise self._failure from None
            raise
        finally:
            self._serving = None
            self._hub.remove(guest.account, self._wake)
            if self._telling is not None:
                self._telling.cancel()

    # Who it is

    async def _authenticated(self) -> Guest | None:
        """Wait for a good `auth` message; None after too many bad ones, or too long a wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(AUTH_SECONDS):
                for _ in range(AUTH_TRIES):
                    if (guest := await self._try_to_authenticate()) is not None:
                        return guest
        return None

    async def _try_to_authenticate(self) -> Guest | None:
        try:
            message = read_message(await self._receive())
            check_auth(message)
            guest = await self._admit(message)
        except LiveProblem as problem:
            await self._complain(problem)
            return None
        except Problem:
            await self._complain(LiveProblem("INVALID_TOKEN", "Invalid or revoked token"))
            return None
        if guest.is_device:
            self._become_known()
        await self._send({"status": "ok", "message": "Authenticated successfully", "data": {"user_id": guest.user_id}})
        return guest

    def _become_known(self) -> None:
        """Lift the bounds for strangers."""
        if self._limit is not None:
            self._limit.is_device()
        extensions: Any = self._socket.scope.get("extensions") or {}
        if KNOWN in extensions:
            extensions[KNOWN]()

    # What it says

    async def _answer_next(self, guest: Guest) -> None:
        message: Message = {}
        try:
            text = await self._receive()
            message = read_message(text)
            await self._answer(guest, message, text)
            self._wake()  # it may lack something now that it did not before
        except LiveProblem as problem:
            await self._complain(problem, message)

    async def _answer(self, guest: Guest, message: Message, text: str) -> None:
        match message["type"]:
            case "record_play":
                await self._record_play(guest, message)
            case "subscribe":
                await self._subscribe(guest, message)
            case "sync":
                await self._sync(guest, message.get("id"), text)
            case "auth":
                raise LiveProblem("INVALID_STATE", "Already authenticated")
            case unknown:
                raise LiveProblem("INVALID_TYPE", f"Unknown message type: {unknown[:50]}")

    async def _record_play(self, guest: Guest, message: Message) -> None:
        if not guest.may_play:
            raise no_scope("play recording")
        # Who follows the library speaks our protocol, and there a position may be a fraction.
        play = read_play(message, fractions=guest.fractions or self._subscribed)
        if self._limit is not None and not self._limit.allows_play(guest.account):
            raise LiveProblem("PLAY_RATE_LIMITED", "Too many play events. Limited to 10 per second.")
        try:
            feed = FeedId.read(play.feed)
            wish = progress(feed, EpisodeId.read(play.item, feed), position=play.position, played=play.played)
            await guest.library.change(wish, Pace.PLAYING if message.get("state") == "playing" else Pace.AT_ONCE)
        except InvalidInput as error:
            raise LiveProblem("INVALID_ENCODING", str(error)) from None
        except BaladosError as error:
            raise LiveProblem("DISPATCH_ERROR", str(error)) from None
        data = play._asdict() | {"privacy": message.get("privacy")}
        reply = {"status": "ok", "message": "Play event recorded", "data": data, "opid": message.get("opid")}
        await self._send(reply)

    async def _subscribe(self, guest: Guest, message: Message) -> None:
        """Follow the library from a cursor on, or from now on."""
        if not guest.may_sync:
            raise no_scope("following changes")
        library, text = guest.library, message.get("cursor")
        cursor = library.head() if text is None else Cursor.read(text) if isinstance(text, str) else None
        if cursor is None or not library.fits(cursor):
            raise LiveProblem("CURSOR_UNKNOWN", "That cursor belongs to another history; pull with an empty one first")
        async with self._turn:
            self._subscribed, self._cursor = True, cursor
            await self._send({"status": "ok", "message": "Subscribed", "data": {"cursor": cursor.write()}})

    async def _sync(self, guest: Guest, number: Any, text: str) -> None:
        if self._limit is not None and (delay := self._limit.delay(len(text))):
            await asyncio.sleep(delay)
        frame = {"type": "sync_result", "id": number}
        async with self._turn:
            try:
                done = await guest.exchange(text)
            except BaladosError as error:
                problem = problem_of(error)
                details = {"code": problem.code, "message": problem.message, "status": problem.status}
                await self._send(frame | {"status": "error", "error": details | problem.headers})
                return
            # A device that pulls page by page is not told the same pages besides.
            self._cursor = done.cursor if self._subscribed and not done.more else None
            await self._send_text((encode_json(frame)[:-1] + b"," + done.body[1:]).decode())

    # What it is told

    def _wake(self) -> None:
        """There may be news. Called within the event loop, for every change of the library."""
        self._has_news = self._cursor is not None
        if self._has_news and self._telling is None:
            self._telling = asyncio.create_task(self._tell_news())
            self._telling.add_done_callback(self._told)

    async def _tell_news(self) -> None:
        try:
            while self._has_news:
                self._has_news = False
                async with self._turn:
                    await self._tell_all()
        except WebSocketDisconnect:
            pass  # who reads finds out as well
        finally:
            self._telling = None

    async def _tell_all(self) -> None:
        guest, more = self._guest, True
        while more and self._cursor is not None:
            update = self._hub.updates.after(guest.account, guest.library, self._cursor, guest.now())
            if update.text is not None:
                await self._send_text(update.text)
            self._cursor, more = update.cursor, update.more

    def _told(self, task: asyncio.Task[None]) -> None:
        """A failure ends the connection, as one of an answer does."""
        if not task.cancelled() and (failure := task.exception()) is not None and self._serving is not None:
            self._failure = failure
            self._serving.cancel()

    # The line

    async def _receive(self) -> str:
        """Return the next message as it came. Raises LiveProblem for one that is not taken."""
        frame = await self._socket.receive()
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(detail="gone", code=frame.get("code") or 1000)
        if self._limit is not None and not self._limit.allows():
            raise LiveProblem("CONNECTION_RATE_LIMITED", "Too many messages. Limited to 10 per second.")
        text = frame.get("text")
        if not isinstance(text, str):
            raise LiveProblem("INVALID_FORMAT", "Only text frames are understood")
        return text

    async def _complain(self, problem: LiveProblem, message: Message | None = None) -> None:
        opid = {"opid": message.get("opid")} if message and message.get("type") == "record_play" else {}
        await self._send({"status": "error", "error": {"message": problem.message, "code": problem.code}, **opid})

    async def _send(self, message: Message) -> None:
        await self._send_text(encode_json(message).decode())

    async def _send_text(self, text: str) -> None:
        try:
            await self._socket.send({"type": "websocket.send", "text": text, "bytes": None})
        except OSError:  # what ASGI says to those who are gone
            raise WebSocketDisconnect(detail="gone", code=1006) from None


def no_scope(purpose: str) -> LiveProblem:
    """Return the documented complaint about a grant that does not open what was asked for."""
    return LiveProblem("INVALID_TOKEN", f"Token does not have required scopes for {purpose}")
