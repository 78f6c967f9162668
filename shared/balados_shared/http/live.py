"""`/api/v1/live`: one WebSocket that is told of changes, and that can send them (protocol sheet, section 6).

The documented messages (`auth`, `record_play`, their replies and error codes) are for every client. Ours come behind
them: after `subscribe` the connection follows the library and gets `sync_update` messages, each with the records, the
cursor behind them and the cursor before; a device also sends `sync`, which is `POST /api/v1/sync` without a request.

Law: what a connection is told is what it lacks, read when it is ready to hear it. So nothing is queued for a slow
listener, and a burst reaches it as one message.
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
from balados_shared.http.hub import Hub
from balados_shared.http.problems import problem_of
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.problems import Problem
from balados_shared.times import Instant
from balados_shared.wire import decode_json, encode_answer, encode_json

AUTH_SECONDS = 10
AUTH_TRIES = 3
AUTH_LENGTH = 65_536
"""Characters of a message from somebody who has shown nothing yet: the documented frame (protocol sheet, section 6)."""
PAGE = 500

UNAUTHORIZED, REPLACED = 4401, 4409
"""Close codes: not (or no longer) allowed; another connection of the same device took over."""

Message = dict[str, Any]


class Guest(Protocol):
    """Somebody who has shown a token: whose library it is, and what they may do."""

    @property
    def user_id(self) -> str: ...

    @property
    def account(self) -> int: ...

    @property
    def library(self) -> LibraryAccess: ...

    def now(self) -> int: ...

    async def exchange(self, text: str) -> Exchanged:
        """Answer a `sync` message, whole as it came. Raises Problem or InvalidInput."""
        ...


class LiveProblem(Exception):
    """An error reply that leaves the connection open."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class LiveConnection:
    """One open connection, from its greeting to its end."""

    def __init__(
        self, socket: WebSocket[Any, Any, Any], hub: Hub, admit: Callable[[Message], Awaitable[Guest]]
    ) -> None:
        self._socket = socket
        self._hub = hub
        self._admit = admit
        self._subscribed = False
        self._cursor: Cursor | None = None
        # News and answers take turns, so that they reach the device in the order of the library's history.
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        await self._socket.accept()
        with suppress(WebSocketDisconnect):
            welcome = "Balados Sync live connection ready. Send auth message to authenticate."
            await self._send({"status": "connected", "message": welcome})
            guest = await self._authenticated()
            if guest is None:
                await self.close(UNAUTHORIZED, "not authenticated")
                return
            with self._hub.listening(guest.account) as news:
                async with asyncio.TaskGroup() as tasks:
                    follower = tasks.create_task(self._follow(guest, news))
                    await self._serve(guest, news)
                    follower.cancel()

    async def close(self, code: int, reason: str) -> None:
        """End the connection with a reason that the other side can read."""
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(code=code, reason=reason)

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
            message, _ = await self._receive(at_most=AUTH_LENGTH)
            _check_auth(message)
            guest = await self._admit(message)
        except LiveProblem as problem:
            await self._complain(problem)
            return None
        except Problem:
            await self._complain(LiveProblem("INVALID_TOKEN", "Invalid or revoked token"))
            return None
        await self._send({"status": "ok", "message": "Authenticated successfully", "data": {"user_id": guest.user_id}})
        return guest

    async def _serve(self, guest: Guest, news: asyncio.Event) -> None:
        """Answer messages until the other side is gone."""
        while True:
            message: Message = {}
            try:
                message, text = await self._receive()
                await self._answer(guest, message, text)
                news.set()  # it may lack something now that it did not before
            except WebSocketDisconnect:
                return
            except LiveProblem as problem:
                await self._complain(problem, message)

    async def _answer(self, guest: Guest, message: Message, text: str) -> None:
        match message["type"]:
            case "record_play":
                await self._record_play(guest.library, message)
            case "subscribe":
                await self._subscribe(guest.library, message)
            case "sync":
                await self._sync(guest, message.get("id"), text)
            case "auth":
                raise LiveProblem("INVALID_STATE", "Already authenticated")
            case unknown:
                raise LiveProblem("INVALID_TYPE", f"Unknown message type: {unknown[:50]}")

    async def _record_play(self, library: LibraryAccess, message: Message) -> None:
        feed, item, position, played = _read_play(message)
        try:
            named = FeedId.read(feed)
            wish = progress(named, EpisodeId.read(item, named), position=position, played=played)
            await library.change(wish, Pace.PLAYING if message.get("state") == "playing" else Pace.AT_ONCE)
        except InvalidInput as error:
            raise LiveProblem("INVALID_ENCODING", str(error)) from None
        except BaladosError as error:
            raise LiveProblem("DISPATCH_ERROR", str(error)) from None
        data = {"feed": feed, "item": item, "position": position, "played": played}
        data["privacy"] = message.get("privacy")
        reply = {"status": "ok", "message": "Play event recorded", "data": data, "opid": message.get("opid")}
        await self._send(reply)

    async def _subscribe(self, library: LibraryAccess, message: Message) -> None:
        """Follow the library from a cursor on, or from now on."""
        text = message.get("cursor")
        cursor = library.head() if text is None else Cursor.read(text) if isinstance(text, str) else None
        if cursor is None or not library.fits(cursor):
            raise LiveProblem("CURSOR_UNKNOWN", "That cursor belongs to another history; start over with an empty one")
        async with self._turn:
            self._subscribed, self._cursor = True, cursor
            await self._send({"status": "ok", "message": "Subscribed", "data": {"cursor": cursor.write()}})

    async def _sync(self, guest: Guest, number: Any, text: str) -> None:
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
            await self._send_text(encode_json(frame)[:-1] + b"," + done.body[1:])

    async def _follow(self, guest: Guest, news: asyncio.Event) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                await news.wait()
                news.clear()
                async with self._turn:
                    await self._send_news(guest)

    async def _send_news(self, guest: Guest) -> None:
        more = self._cursor is not None
        while more and self._cursor is not None:
            page = guest.library.changes_after(self._cursor.revision, PAGE)
            if page.rows:
                frame = {"type": "sync_update", "after": self._cursor.write(), "cursor": page.cursor.write()}
                await self._send_text(encode_answer(frame | {"synced_at": Instant(guest.now())}, page.rows))
            self._cursor, more = page.cursor, page.more

    async def _receive(self, at_most: int | None = None) -> tuple[Message, str]:
        """Return the next message, read and as it came, or raise the documented complaint about it.

        One longer than `at_most` characters is not even read.
        """
        frame = await self._socket.receive()
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(detail="gone", code=frame.get("code") or 1000)
        text = frame.get("text")
        if not isinstance(text, str):
            raise LiveProblem("INVALID_FORMAT", "Only text frames are understood")
        if at_most is not None and len(text) > at_most:
            raise LiveProblem("INVALID_FORMAT", "Authenticate first; that message is too long")
        try:
            message = decode_json(text)
        except InvalidInput:
            raise LiveProblem("INVALID_JSON", "Invalid JSON format") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise LiveProblem("INVALID_TYPE", "Message must have a type field")
        return message, text

    async def _complain(self, problem: LiveProblem, message: Message | None = None) -> None:
        opid = {"opid": message.get("opid")} if message and message.get("type") == "record_play" else {}
        await self._send({"status": "error", "error": {"message": problem.message, "code": problem.code}, **opid})

    async def _send(self, message: Message) -> None:
        await self._send_text(encode_json(message))

    async def _send_text(self, body: bytes) -> None:
        await self._socket.send({"type": "websocket.send", "text": body.decode(), "bytes": None})


def _check_auth(message: Message) -> None:
    if message["type"] != "auth" or not isinstance(message.get("token"), str):
        raise LiveProblem("UNAUTHENTICATED", "Authentication required")


def _read_play(message: Message) -> tuple[str, str, float, bool]:
    feed, item = message.get("feed"), message.get("item")
    if feed is None or item is None:
        raise LiveProblem("MISSING_FIELDS", "Missing required fields: feed, item")
    if not isinstance(feed, str) or not isinstance(item, str):
        raise LiveProblem("INVALID_ENCODING", "feed and item must be text")
    position, played = message.get("position", 0), message.get("played", False)
    if not isinstance(position, int | float) or isinstance(position, bool) or not 0 <= position <= 10_000_000:
        raise LiveProblem("INVALID_POSITION", "position must be a number of seconds, 0 or more")
    if not isinstance(played, bool):
        raise LiveProblem("INVALID_PLAYED", "played must be true or false")
    if message.get("privacy") not in (None, "public", "anonymous", "private"):
        raise LiveProblem("INVALID_PRIVACY", "privacy must be public, anonymous or private")
    return feed, item, position, played
