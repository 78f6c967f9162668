"""A TCP proxy on loopback that counts what goes through it, both ways."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from msgspec import Struct


class Counted(Struct):
    """Where the proxy answers, and the bytes so far: `up` from the device to the relay, `down` the other way.

    Bytes of the TCP streams: HTTP and WebSocket with their heads, without TLS and packet heads.
    """

    url: str = ""
    up: int = 0
    down: int = 0

    @property
    def both(self) -> int:
        return self.up + self.down


@asynccontextmanager
async def counting_proxy(url: str) -> AsyncIterator[Counted]:
    """Stand before a server and count."""
    parts = urlsplit(url)
    counted = Counted()
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        server_reader, server_writer = await asyncio.open_connection(parts.hostname, parts.port)

        def note_up(size: int) -> None:
            counted.up += size

        def note_down(size: int) -> None:
            counted.down += size

        with suppress(asyncio.CancelledError):  # the end of the proxy is the end of what goes through it
            await asyncio.gather(_pump(reader, server_writer, note_up), _pump(server_reader, writer, note_down))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    counted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield counted
    finally:
        server.close()
        tasks = [task for task in serving if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Callable[[int], None]) -> None:
    with suppress(OSError):
        while part := await reader.read(65_536):
            note(len(part))
            writer.write(part)
            await writer.drain()
    writer.close()
