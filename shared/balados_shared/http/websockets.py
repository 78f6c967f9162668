"""uvicorn's WebSocket protocol, made fit for strangers and for those who stop reading.

Law: whoever is not known yet may send short messages only; whoever does not take what is sent to them is told so and
let go, with all that waited for them; and an idle connection holds no more memory than it must.
"""

import asyncio
import struct
from collections import deque
from functools import lru_cache
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request
from websockets.protocol import State

STRANGERS_BYTES = 65_536
"""The longest message of somebody who is not known as one of our devices: the documented frame."""

STRANGERS_PING, KNOWN_PING = 30.0, 120.0
"""Seconds between pings. Our devices ping once a minute themselves, and pay for their traffic."""

PONG_SECONDS = 20.0
"""How long the other side may take to answer a ping."""

SEND_SECONDS = 10.0
"""How long a message may wait until the other side has taken enough of what went before."""

CLOSE_SECONDS = 10.0
"""How long the other side may take to end a connection that was closed."""

TOO_SLOW = 4408
"""Close code: what was sent was not taken in time."""

KNOWN = "balados.known"
"""The ASGI extension by which an app says that this connection is one of our devices: a function to call."""


class WebSockets(WebSocketsSansIOProtocol):
    """One WebSocket connection of the server."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known = False
        # The same as what they replace, but without five deques for each connection, 600 bytes each.
        self.queue: Any = _Inbox()
        self.writable: Any = _Gate()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions: Any = self.scope["extensions"]
            extensions[KNOWN] = self._become_known

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # What has come of a message that is not whole yet.
        if not self._known and len(self.conn.reader.buffer) > STRANGERS_BYTES + _LONGEST_HEAD:
            self._refuse()

    def handle_cont(self, event: Frame) -> None:
        if self._is_fit(event):
            super().handle_cont(event)

    def handle_text(self, event: Frame) -> None:
        if self._is_fit(event):
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        if self._is_fit(event):
            super().handle_bytes(event)

    async def send(self, message: Any) -> None:
        """Send as ASGI says; a message that has to wait too long ends the connection instead."""
        if message["type"] == "websocket.close":
            await self._send_close(message)
            return
        if not self.writable.is_set():
            await self._until_writable()
        if self.close_sent:
            raise ClientDisconnected
        text = message.get("text")
        if text is not None and self.conn.state is State.OPEN and not self.disconnected:
            self.transport.write(_frame_of(text))
            return
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._forget_handshake()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._let_go_in_time()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._let_go_in_time()

    def _forget_handshake(self) -> None:
        """Let go of the headers: a browser sends a dozen, and the parser holds on to them for the connection's life."""
        self.request.headers.clear()
        self.response.headers.clear()

    def _become_known(self) -> None:
        self._known = True
        self.ping_interval = KNOWN_PING

    def _is_fit(self, event: Frame) -> bool:
        """Whether a frame may be taken, with what came before of its message."""
        if self._known or sum(map(len, self.frames)) + len(event.data) <= STRANGERS_BYTES:
            return not self.close_sent
        self._refuse()
        return False

    def _refuse(self) -> None:
        if not self.close_sent:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, f"a message may have {STRANGERS_BYTES:,} bytes")
            if self.conn.close_sent is None:  # it did not even wait for the handshake's end
                self.transport.abort()
            else:
                self.handle_parser_exception()

    async def _until_writable(self) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.writable.wait()
        except TimeoutError:
            await self._send_close(
                {"type": "websocket.close", "code": TOO_SLOW, "reason": "too slow; catch up by pull"}
            )

    async def _send_close(self, message: Any) -> None:
        """Close, also where the other side takes nothing: then this waits behind what it did not take."""
        if self.close_sent or self.disconnected:
            return
        self.writable.set()
        await super().send(message)
        self._let_go_in_time()

    def _let_go_in_time(self) -> None:
        """Bound the end: a transport that is closed waits for ever for those who take nothing."""
        self.stop_keepalive()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


_LONGEST_HEAD = 14
"""Bytes of a WebSocket frame before its payload, at most."""


@lru_cache(maxsize=1)
def _frame_of(text: str) -> bytes:
    """Make a text frame (RFC 6455 section 5.2), once for all who are sent the same text."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


class _Inbox:
    """As much of `asyncio.Queue` as one reader needs."""

    __slots__ = ("_items", "_reader")

    def __init__(self) -> None:
        self._items: deque[Any] | None = None
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, item: Any) -> None:
        if self._items is None:
            self._items = deque()
        self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        while self._items is None:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        item = self._items.popleft()
        if not self._items:
            self._items = None
        return item

    def empty(self) -> bool:
        return self._items is None


class _Gate:
    """As much of `asyncio.Event` as a connection needs, open at first."""

    __slots__ = ("_opening",)

    def __init__(self) -> None:
        self._opening: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        return self._opening is None

    def set(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None and not opening.done():
            opening.set_result(None)

    def clear(self) -> None:
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        if self._opening is not None:
            await asyncio.shield(self._opening)
