"""A small program on the shared HTTP edge, for the tests to run as a child process.

It writes its base URL as the first line of its standard output. Arguments: host, port, event loop (uvloop or asyncio).
"""

import asyncio
import logging
import resource
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from litestar import Litestar, Request, Response, WebSocket, get, post, websocket
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from balados_shared.errors import BaladosError, InvalidInput, Refused
from balados_shared.http.edge import with_edge
from balados_shared.http.logging import configure_logging
from balados_shared.http.problems import EXCEPTION_HANDLERS
from balados_shared.http.server import run, serve
from balados_shared.http.websockets import KNOWN
from balados_shared.problems import conflict, not_found, unauthorized, unavailable
from balados_shared.storage.errors import Busy, DiskFull

MAX_BYTES = 1_000_000
MAX_UNPACKED = 4_000_000
SECRET_URL = "https://user:hunter2@example.org/feed?token=hunter2"

FAILURES: dict[str, Callable[[], Exception]] = {
    "conflict": lambda: conflict("QUEUE_CHANGED", "The queue has changed", revision=7),
    "unauthorized": unauthorized,
    "not-found": lambda: not_found("No such feed"),
    "unavailable": lambda: unavailable("CLOCK", "The clock is behind", retry_after=30),
    "invalid": lambda: InvalidInput("not an ISO 8601 time"),
    "refused": lambda: Refused("The default collection cannot be deleted"),
    "disk-full": DiskFull,
    "busy": Busy,
    "bug": lambda: RuntimeError(f"could not fetch {SECRET_URL}"),
}


class Position(msgspec.Struct):
    """What `/typed` takes."""

    title: str
    position: float


@get("/fail/{how:str}")
async def fail(how: FromPath[str]) -> None:
    """Fail as named."""
    raise FAILURES[how]()


@post("/echo", status_code=200)
async def echo(request: Request[None, None, State]) -> dict[str, object]:
    """Tell how the body arrived."""
    body = await request.body()
    return {
        "bytes": len(body),
        "start": body[:20].decode(),
        "content_encoding": request.headers.get("content-encoding"),
        "content_length": request.headers.get("content-length"),
    }


@post("/ignore", status_code=200)
async def ignore() -> dict[str, str]:
    """Answer without reading the body."""
    return {"status": "success"}


@post("/typed", status_code=200)
async def typed(data: JSONBody[Position]) -> Position:
    """Read a typed body."""
    return data


@get("/number")
async def number(n: FromQuery[int]) -> dict[str, int]:
    """Read a typed parameter."""
    return {"n": n}


@get("/text")
async def text(size: FromQuery[int]) -> Response[bytes]:
    """Return so many bytes of JSON."""
    body = b'"' + b"podcast " * (size // 8) + b"x" * (size % 8 - 2) + b'"'
    return Response(body[:size], media_type="application/json", headers={"ETag": '"v1"', "Vary": "Origin"})


@get("/binary")
async def binary() -> Response[bytes]:
    """Return what is no text."""
    return Response(b"\0" * 5_000, media_type="audio/mpeg")


@get("/encoded")
async def encoded() -> Response[bytes]:
    """Return what its handler has encoded already."""
    return Response(b"\0" * 5_000, media_type="application/json", headers={"Content-Encoding": "br"})


@get("/empty", status_code=204)
async def empty() -> None:
    """Return nothing."""


@get("/not-modified", status_code=304)
async def not_modified() -> Response[None]:
    """Return nothing, but with a content type."""
    return Response(None, media_type="application/json", status_code=304)


@get("/stream")
async def stream(lines: FromQuery[int]) -> Stream:
    """Return NDJSON of unknown length."""

    async def generate() -> AsyncIterator[bytes]:
        for line in range(lines):
            yield b'{"line":%d}\n' % line

    return Stream(generate(), media_type="application/x-ndjson")


@get("/events")
async def events() -> Stream:
    """Return one event at once, and then nothing for ever."""

    async def generate() -> AsyncIterator[bytes]:
        yield b"data: " + b"x" * 2_000 + b"\n\n"
        await asyncio.Event().wait()

    return Stream(generate(), media_type="text/event-stream")


@get("/hang")
async def hang() -> None:
    """Never answer."""
    await asyncio.Event().wait()


@get("/peak")
async def peak() -> dict[str, int]:
    """Return the most memory this process ever held, in bytes."""
    return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024}


@websocket("/live")
async def live(socket: WebSocket[None, None, State]) -> None:
    """Echo text; who said that they are one of ours may be longer about it."""
    await socket.accept()
    while True:
        text = await socket.receive_text()
        if text == "I am known":
            socket.scope["extensions"][KNOWN]()  # type: ignore[index, operator]
        await socket.send_text(text)


@websocket("/deaf")
async def deaf(socket: WebSocket[None, None, State]) -> None:
    """Hold the socket open without ever reading from it."""
    await socket.accept()
    await asyncio.Event().wait()


@asynccontextmanager
async def told(_: Litestar) -> AsyncIterator[None]:
    """Tell the beginning and the end of the app's life on standard error."""
    if "fail-at-start" in sys.argv:
        raise BaladosError("Another program uses this data directory.")
    yield
    sys.stderr.write("closed cleanly\n")


async def main() -> None:
    """Serve until a signal comes."""
    app = Litestar(
        [
            *(fail, echo, ignore, typed, number, text, binary, encoded),
            *(empty, not_modified, stream, events, hang, peak, live, deaf),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[told],
        logging_config=None,
        openapi_config=None,
        request_max_body_size=MAX_UNPACKED,
    )
    edge = with_edge(app, max_bytes=MAX_BYTES, max_unpacked=MAX_UNPACKED)
    host, port = sys.argv[1], int(sys.argv[2])
    await serve(edge, host=host, port=port, on_ready=lambda url: print(url, flush=True), access_level=logging.INFO)  # noqa: T201


if __name__ == "__main__":
    configure_logging()
    try:
        sys.exit(asyncio.run(main()) if "asyncio" in sys.argv else run(main()))
    except BaladosError as error:
        sys.exit(str(error))
