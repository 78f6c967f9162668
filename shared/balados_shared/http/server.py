"""Running an ASGI app in this process, from binding its socket to a clean end.

Law: whoever starts a program learns that it is ready, or in one sentence why not; whoever ends it by a signal sees
it gone within three seconds and with success, whatever its clients are doing.
"""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from balados_shared.errors import BaladosError
from balados_shared.http.access_log import AccessLog
from balados_shared.http.asgi import App, Message, Receive, Scope, Send
from balados_shared.http.dates import DateHeader
from balados_shared.http.listening import base_url, listen
from balados_shared.http.websockets import PONG_SECONDS, STRANGERS_PING, WebSockets

GRACE = 2
"""Seconds that requests in flight get to finish once the end was asked for."""

_WS_MAX_BYTES = 16 * 1024 * 1024


async def serve(
    app: App,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    access_level: int = logging.DEBUG,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve an app until SIGINT or SIGTERM; a second signal does not wait for anything.

    `port` 0 takes a free one. `on_ready` is given the base URL once requests are answered. From `trusted_proxies`
    (addresses, networks) `X-Forwarded-For` and `-Proto` are believed. `access_level` is that of the log's lines on
    requests that went well. Raises BaladosError when it cannot listen, and
    what the app's lifespan raised.
    """
    lifespan = _Lifespan(DateHeader(AccessLog(app, access_level)))
    with listen(host, port) as listener:
        server = _Server(_config(lifespan, trusted_proxies), lifespan, lambda: on_ready(base_url(listener)))
        await server.serve_until_signalled(listener)
    if lifespan.error:
        raise lifespan.error


def run(main: Coroutine[Any, Any, int | None]) -> int:
    """Run a program's main coroutine, on uvloop where there is one; return its exit status.

    An error that comes out of a task group alone is raised as itself, so that it can be told in its one sentence.
    """
    try:
        return _run(main) or 0
    except ExceptionGroup as group:
        raise _sole(group) from None


def _run(main: Coroutine[Any, Any, int | None]) -> int | None:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def _config(app: App, trusted_proxies: Sequence[str]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws=WebSockets,
        ws_max_size=_WS_MAX_BYTES,
        ws_ping_interval=STRANGERS_PING,
        ws_ping_timeout=PONG_SECONDS,
        # 24 instead of 65 KB for each idle connection, and what goes over it is short.
        ws_per_message_deflate=False,
        lifespan="on",
        interface="asgi3",
        log_config=None,
        # Its INFO lines hold whole URLs.
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_graceful_shutdown=GRACE,
    )


class _Server(uvicorn.Server):
    """uvicorn's server, but it tells when it is ready, sleeps when idle, and is ended by signals with success."""

    def __init__(self, config: uvicorn.Config, lifespan: "_Lifespan", on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app_lifespan = lifespan
        self._on_ready = on_ready
        self._loop = asyncio.get_running_loop()
        self._exit_wanted = asyncio.Event()
        self._serving: asyncio.Future[None] | None = None

    async def serve_until_signalled(self, listener: socket.socket) -> None:
        self._serving = asyncio.ensure_future(self.serve(sockets=[listener]))
        try:
            await asyncio.shield(self._serving)
        except asyncio.CancelledError:
            if not self.force_exit:
                self._exit()
                await self._serving
                raise
        finally:
            if self.force_exit:
                self._abandon_requests()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as exit_:
            raise self._app_lifespan.error or BaladosError("The program could not start.") from exit_
        if not self.should_exit:
            self._on_ready()

    async def main_loop(self) -> None:
        # uvicorn's own looks ten times a second; a daemon on a battery should not wake up for nothing.
        await self._exit_wanted.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals as uvicorn does, but do not raise them again at the end: to be ended is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ask for the end; asked again, force it."""
        self._loop.call_soon_threadsafe(self._force if self.should_exit else self._exit)
        self.should_exit = True

    def _exit(self) -> None:
        self.should_exit = True
        self._exit_wanted.set()

    def _force(self) -> None:
        self.force_exit = True
        if self._serving:
            self._serving.cancel()

    def _abandon_requests(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()


class _Lifespan:
    """Keeps the error of an app's startup or shutdown for `serve` to raise, where uvicorn would log and exit."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.error: Exception | None = None
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_quietly(message: Message) -> None:
            self._told = self._told or message["type"].endswith(".failed")
            # The text is a traceback for uvicorn's log; the error itself says more.
            await send({"type": message["type"]})

        with self:
            await self._app(scope, receive, send_quietly)

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = _sole(error) if isinstance(error, Exception) else None
        return self._told and self.error is not None


def _sole(error: Exception) -> Exception:
    """Return what a group holds, when it is one thing: Litestar's lifespan and the daemon run in task groups."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
