"""A player's side: HTTP over one kept connection, as lean as can be, so that what is measured is the program."""

import asyncio
import time
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S = 600
KEPT_S = 3
"""How long a connection is idle before we open another: the servers close one after five seconds."""


class Api:
    """One HTTP/1.1 connection to a program. Answers are JSON; what is no success raises RuntimeError."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self.token = token
        host = urlsplit(url).netloc
        self._head = f"Host: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"

    @classmethod
    async def connect(cls, url: str, token: str = "") -> Self:
        """Open a connection."""
        api = cls(url, token)
        await api._open()
        return api

    async def get(self, path: str) -> Any:
        """Read a resource below `/api/v1`."""
        return await self._request("GET", path, b"")

    async def post(self, path: str, body: Any = None) -> Any:
        """Send JSON to a resource below `/api/v1`."""
        return await self.send(path, msgspec.json.encode(body if body is not None else {}))

    async def send(self, path: str, body: bytes) -> Any:
        """Send a JSON text to a resource below `/api/v1`."""
        return await self._request("POST", path, body)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def _open(self) -> None:
        parts = urlsplit(self.url)
        self._reader, self._writer = await asyncio.open_connection(parts.hostname, parts.port)
        self._used = time.monotonic()

    async def _request(self, method: str, path: str, body: bytes) -> Any:
        if time.monotonic() > self._used + KEPT_S:
            self.close()
            await self._open()
        line = f"{method} /api/v1{path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(line.encode() + body)
        async with asyncio.timeout(PATIENCE_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            content = await self._reader.readexactly(_length(head))
        self._used = time.monotonic()
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{method} {path}: {head.splitlines()[0]!r} {content!r}")
        return msgspec.json.decode(content)


class Player:
    """A player that listens at `/api/v1/live`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def listening(cls, api: Api) -> Self:
        """Connect, show the token, and follow the library from now on."""
        socket = await connect("ws" + api.url.removeprefix("http") + "/api/v1/live", compression=None)
        await socket.recv()
        for message in ({"type": "auth", "token": api.token}, {"type": "subscribe"}):
            await socket.send(msgspec.json.encode(message), text=True)
            reply = msgspec.json.decode(await socket.recv())
            if reply["status"] != "ok":
                raise RuntimeError(f"the player was not let in: {reply}")
        return cls(socket)

    async def hears(self, position: float) -> None:
        """Wait until it is told of an episode at this position."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                update = msgspec.json.decode(await self._socket.recv(decode=False))
                if any(status["position"] == position for status in update.get("play_statuses", ())):
                    return

    async def close(self) -> None:
        """Hang up."""
        await self._socket.close()


async def until_live(device: Api) -> None:
    """Wait until a device is in step with its relay and holds its live connection."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await device.get("/device/status")
            at = status["relay"]
            if at and at["live"] and at["synced_at"] and not status["waiting"]:
                return
            await asyncio.sleep(0.02)


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if rest else 0
