"""A web server on loopback that serves feeds, and misbehaves where a test asks it to.

with FeedServer(folder) as server:
    server.url("/x.xml")                                     # a file of the folder, with ETag and Last-Modified
    server.answer("/gone.xml", status=410)                   # whatever the test wants
    server.redirect("/old.xml", "/x.xml", status=301)
    server.hold("/slow.xml")                                 # no answer until server.release()
    server.endless("/big.xml")                               # a body without end
    server.requests                                          # what came in, in order
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import urlsplit

CHUNK = 64 * 1024


@dataclass(frozen=True)
class SeenRequest:
    """One request that came in. The names of the headers are in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Page:
    """A scripted answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class FeedServer:
    """Serves the files of `folder`, if there is one, and the scripted paths before them."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.requests: list[SeenRequest] = []
        self.most_at_once = 0
        """The most requests that were being answered at one time."""
        self._scripts: dict[str, Callable[[_Handler], None]] = {}
        self._released = threading.Event()
        self._at_once = 0
        self._counting = threading.Lock()
        self._http = _QuietServer(("127.0.0.1", 0), _handler_of(self))
        # A short poll, so that closing does not cost each test half a second.
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._http.server_address[1])

    def url(self, path: str = "/", *, host: str = "127.0.0.1", user: str = "") -> str:
        """Return the URL of a path; `user` is a `name:password`."""
        return f"http://{user and user + '@'}{host}:{self.port}{path}"

    def answer(
        self, path: str, *, status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        """Answer a path with this from now on."""
        page = Page(status, headers or {}, body)
        self._scripts[path] = lambda handler: handler.send_page(page)

    def redirect(self, path: str, to: str, *, status: int = 302) -> None:
        """Send whoever asks for a path elsewhere: to another path or a full URL."""
        self.answer(path, status=status, headers={"Location": to})

    def hold(self, path: str, *, status: int = 200, body: bytes = b"") -> None:
        """Answer a path only when `release` is called."""
        self._scripts[path] = lambda handler: self._wait_and_send(handler, Page(status, {}, body))

    def release(self) -> None:
        """Let all held requests go, and those to come."""
        self._released.set()

    def endless(self, path: str) -> None:
        """Answer a path with a body that goes on until the client hangs up."""
        self._scripts[path] = self._send_without_end

    def hang_up(self, path: str) -> None:
        """Close the connection of whoever asks for a path, in the middle of the body."""
        self.answer(path, headers={"Content-Length": "1000"}, body=b"half of it")

    def close(self) -> None:
        """Stop serving; held and endless answers end."""
        self._released.set()
        self._http.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def respond(self, handler: "_Handler") -> None:
        """Answer one request (called by the handler, in its thread)."""
        self.requests.append(
            SeenRequest(handler.path, {name.lower(): value for name, value in handler.headers.items()})
        )
        self._count(1)
        try:
            self._scripts.get(urlsplit(handler.path).path, self._send_file)(handler)
        except (BrokenPipeError, ConnectionResetError):
            return  # the client has had enough
        finally:
            self._count(-1)

    def _count(self, step: int) -> None:
        with self._counting:
            self._at_once += step
            self.most_at_once = max(self.most_at_once, self._at_once)

    def _wait_and_send(self, handler: "_Handler", page: Page) -> None:
        self._released.wait(30)
        handler.send_page(page)

    def _send_without_end(self, handler: "_Handler") -> None:
        handler.send_page(Page())
        while not self._http.closing.is_set():
            handler.wfile.write(b" " * CHUNK)

    def _send_file(self, handler: "_Handler") -> None:
        file = self.folder / urlsplit(handler.path).path.lstrip("/") if self.folder else None
        handler.send_page(_file_page(file, handler.headers) if file and file.is_file() else Page(404))


def _file_page(file: Path, asked: "Message[str, str]") -> Page:
    """Return a file, or 304 when the client has it already (RFC 9110 section 13)."""
    body = file.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    changed = formatdate(file.stat().st_mtime, usegmt=True)
    validators = {"ETag": etag, "Last-Modified": changed}
    same = asked.get("If-None-Match")
    known = same == etag if same else asked.get("If-Modified-Since") == changed
    return Page(304, validators) if known else Page(200, {**validators, "Content-Type": "application/rss+xml"}, body)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.closing = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0: each answer ends with its connection, so that a body needs no announced length."""

    feeds: ClassVar[FeedServer]

    def do_GET(self) -> None:
        self.feeds.respond(self)

    def send_page(self, page: Page) -> None:
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page.body)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: the requests are in `FeedServer.requests`."""


def _handler_of(server: FeedServer) -> type[_Handler]:
    return type("_HandlerOfThis", (_Handler,), {"feeds": server})
