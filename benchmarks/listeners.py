"""Many live connections from one process, as lean as can be: raw WebSocket frames (RFC 6455) over asyncio."""

import asyncio
import time
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

import msgspec

from benchmarks.devices import Key

PATIENCE_S = 60
AT_ONCE = 50
_MASK = b"\0\0\0\0"


class Listener(asyncio.Protocol):
    """One live connection. `heard` is when the last message had come whole, by `time.perf_counter`."""

    def __init__(self) -> None:
        self.heard = 0.0
        self._buffer = bytearray()
        self._open = False
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def connection_lost(self, exc: Exception | None) -> None:
        self._messages.put_nowait(b'{"status":"lost"}')

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"no WebSocket: {bytes(head.splitlines()[0])!r}")
            self._open, self._buffer = True, rest
        while (frame := _take_frame(self._buffer)) is not None:
            opcode, payload = frame
            if opcode == 0x1:
                self.heard = time.perf_counter()
                self._messages.put_nowait(payload)
            elif opcode == 0x9:
                self._transport.write(_frame(0xA, payload))

    async def say(self, message: dict[str, str]) -> None:
        """Send a message and see that the reply is a good one."""
        reply = msgspec.json.decode(await self.ask(msgspec.json.encode(message)))
        if reply.get("status") != "ok":
            raise RuntimeError(f"{message['type']}: {reply}")

    async def ask(self, message: bytes) -> bytes:
        """Send a message and return what comes next."""
        self._transport.write(_frame(0x1, message))
        return await self.hear()

    async def hear(self) -> bytes:
        """Wait for the next message."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._messages.get()

    def upgrade(self, host: str) -> None:
        """Ask for a WebSocket."""
        self._transport.write(
            f"GET /api/v1/live HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()


async def listen(url: str, key: Key, number: int) -> list[Listener]:
    """Open so many connections, each of a device of its own that follows the library from now on."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(index: int) -> Listener:
        async with gate:
            listener = await connect(url, key.token(f"listener-{index}"))
            await listener.say({"type": "subscribe"})
            return listener

    return list(await asyncio.gather(*(one(index) for index in range(number))))


async def told(listeners: Sequence[Listener], since: float) -> list[float]:
    """Wait until each has heard one message; return the milliseconds since `since`, for each."""
    for listener in listeners:
        await listener.hear()
    return [(listener.heard - since) * 1_000 for listener in listeners]


async def connect(url: str, token: str) -> Listener:
    """Open a connection and show a token."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, listener = await loop.create_connection(Listener, parts.hostname or "", parts.port or 0)
    listener.upgrade(parts.netloc)
    await listener.hear()  # the greeting
    await listener.say({"type": "auth", "token": token})
    return listener


def _take_frame(buffer: bytearray) -> tuple[int, bytes] | None:
    """Take a whole unmasked frame off the buffer, if there is one."""
    if len(buffer) < 2:
        return None
    length, begin = buffer[1] & 0x7F, 2
    if length >= 126:
        begin = 4 if length == 126 else 10
        if len(buffer) < begin:
            return None
        length = int.from_bytes(buffer[2:begin], "big")
    if len(buffer) < begin + length:
        return None
    frame = buffer[0] & 0x0F, bytes(buffer[begin : begin + length])
    del buffer[: begin + length]
    return frame


def _frame(opcode: int, payload: bytes) -> bytes:
    """Make a client's frame; a mask of zeros leaves the payload as it is."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = bytes([0xFE]) + size.to_bytes(2, "big") if size < 65_536 else bytes([0xFF]) + size.to_bytes(8, "big")
    return bytes([0x80 | opcode]) + length + _MASK + payload
