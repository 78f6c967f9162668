"""Request bodies: counted as they arrive, and unpacked when they are compressed (DESIGN.md section 4).

Law: no request makes us hold more than the limits say. A request that breaks them is answered at once, by a problem
document, and its connection is closed once the client has had the time to read it.
"""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import suppress

from balados_shared.errors import InvalidInput
from balados_shared.http.asgi import App, Message, Receive, Scope, Send, header, without
from balados_shared.http.encodings import Unpacker, new_unpacker
from balados_shared.http.problems import raw_answer
from balados_shared.problems import Problem, bad_request, too_large

LINGER = 5.0
"""Seconds for which a refused client may go on sending before the connection is closed."""


class BodyLimits:
    """An ASGI layer that gives the app plain bodies within limits.

    `max_bytes` limits what is sent (as it is on the wire), `max_unpacked` what it unpacks to.
    Litestar's own `request_max_body_size` must be at least `max_unpacked`. Requests of the methods in `bodiless` may
    carry nothing.
    """

    def __init__(
        self,
        app: App,
        max_bytes: int = 10_000_000,
        max_unpacked: int = 64_000_000,
        bodiless: Collection[str] = (),
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_unpacked = max_unpacked
        self._bodiless = frozenset(bodiless)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        max_bytes = 0 if scope["method"] in self._bodiless else self._max_bytes
        body = _Body(receive, max_bytes, self._max_unpacked)
        answer = _Answer(send, body)
        try:
            scope = body.open(scope)
            await self._app(scope, body.receive, answer.send)
        except Problem as problem:
            # Only what the body refused is ours; any other problem is a mistake in the app.
            if problem is not body.refusal:
                raise
        if body.refusal and not answer.started:
            await _refuse(body.refusal, body, send)


class _Body:
    """The body of one request, as the app sees it. `refusal` is set when it breaks a rule, and stays."""

    def __init__(self, receive: Receive, max_bytes: int, max_unpacked: int) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._max_unpacked = max_unpacked
        self._wire_bytes = 0
        self._unpacked_bytes = 0
        self._unpacker: Unpacker | None = None
        self._pieces: Iterator[bytes] = iter(())
        self.refusal: Problem | None = None
        self.ended = False

    def open(self, scope: Scope) -> Scope:
        """Judge the body by its headers; return the scope of the plain body. Raises the refusal."""
        headers = scope["headers"]
        declared = header(headers, b"content-length") or ""
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise self._refuse(self._too_many_bytes())
        coding = (header(headers, b"content-encoding") or "identity").strip().lower()
        if coding == "identity":
            return scope
        self._unpacker = new_unpacker(coding)
        if self._unpacker is None:
            raise self._refuse(_unknown_coding())
        # The length was that of the packed body; that of the plain one is not known before its end. The scope stays the
        # same one, so that the layers around learn from it which route it was.
        scope["headers"] = without(headers, b"content-encoding", b"content-length")
        return scope

    async def receive(self) -> Message:
        """Return the next part of the plain body. Raises the refusal."""
        if self.refusal:
            raise self.refusal
        if self._unpacker is None:
            return await self._receive_wire()
        try:
            return await self._receive_unpacked(self._unpacker)
        except InvalidInput as error:
            raise self._refuse(bad_request(f"The body cannot be read: {error}")) from error

    async def drain(self) -> None:
        """Read on and forget, until the client has sent all it meant to send or is gone."""
        while not self.ended:
            self._note_end(await self._receive())

    async def _receive_wire(self) -> Message:
        message = await self._receive()
        broken_off = message["type"] != "http.request" and not self.ended
        self._note_end(message)
        if broken_off:
            raise self._refuse(bad_request("The request broke off"))
        self._wire_bytes += len(message.get("body", b""))
        if self._wire_bytes > self._max_bytes:
            raise self._refuse(self._too_many_bytes())
        return message

    async def _receive_unpacked(self, unpacker: Unpacker) -> Message:
        while True:
            piece = next(self._pieces, None)
            if piece is not None:
                return await self._count_unpacked(piece)
            if self.ended:
                unpacker.finish()
                # From here on the connection's own messages follow, above all its end.
                self._unpacker = None
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await self._receive_wire()
            self._pieces = unpacker.feed(message.get("body", b""))

    async def _count_unpacked(self, piece: bytes) -> Message:
        self._unpacked_bytes += len(piece)
        if self._unpacked_bytes > self._max_unpacked:
            raise self._refuse(too_large(f"The body unpacks to more than {self._max_unpacked:,} bytes"))
        # One packet can unpack to many pieces: let others have their turn in between.
        await asyncio.sleep(0)
        return {"type": "http.request", "body": piece, "more_body": True}

    def _note_end(self, message: Message) -> None:
        self.ended = self.ended or message["type"] != "http.request" or not message.get("more_body", False)

    def _refuse(self, problem: Problem) -> Problem:
        self.refusal = problem
        return problem

    def _too_many_bytes(self) -> Problem:
        if not self._max_bytes:
            return too_large("A request of this method has no body")
        return too_large(f"The body is larger than {self._max_bytes:,} bytes")


class _Answer:
    """The app's answer, withheld once the body was refused: whatever the app made of that, ours is the clear one."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send = send
        self._body = body
        self.started = False

    async def send(self, message: Message) -> None:
        if self._body.refusal and not self.started:
            return
        self.started = True
        await self._send(message)


async def _refuse(problem: Problem, body: _Body, send: Send) -> None:
    """Answer now, and close only when the client has sent the rest or `LINGER` is over.

    Closing with unread bytes resets the connection, which can destroy the answer before the client reads it
    (RFC 9112 section 9.6).
    """
    start, content = raw_answer(problem)
    if not body.ended:
        start["headers"].append((b"connection", b"close"))
    await send(start)
    await send({**content, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            await body.drain()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _unknown_coding() -> Problem:
    message = "This Content-Encoding is not supported; use zstd, gzip or none"
    # RFC 9110 section 12.5.3: in a 415 this header tells what would be taken.
    return Problem(415, "UNSUPPORTED_MEDIA_TYPE", message, headers={"Accept-Encoding": "zstd, gzip"})
