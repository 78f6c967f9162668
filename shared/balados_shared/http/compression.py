"""Answers are packed with zstd or gzip, as the client accepts (RFC 9110 section 12.5.3).

Law: only text of some size is packed, and only where packing cannot change what the answer means. An event stream
is left alone, because a packer holds back what should arrive at once.
"""

import asyncio
import re
from functools import lru_cache

from balados_shared.http.asgi import App, Headers, Message, Receive, Scope, Send, header, without
from balados_shared.http.encodings import Packer, new_packer, pack

MINIMUM = 1_000
"""Bytes below which a body is sent as it is: the gain would be lost in the packet."""

_IN_THREAD = 256 * 1024
"""Bytes from which packing takes milliseconds, and is done beside the event loop."""

_CODINGS = ("zstd", "gzip")
_TEXT = re.compile(
    r"text/(?!event-stream)|application/([\w.-]+\+)?(json|xml)\b|application/(x-ndjson|javascript)", re.IGNORECASE
)
_QUALITY = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
# No body, none of its own, or a part whose bytes were counted unpacked.
_LEFT_ALONE = frozenset({204, 205, 206, 304})


class Compression:
    """An ASGI layer that packs answers. WebSockets pass untouched."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        coding = choose_coding(header(scope["headers"], b"accept-encoding") or "")
        # The answer to HEAD has no body to pack, but must name the same `Vary` as that to GET.
        packed = _PackedAnswer(send, coding if scope["method"] != "HEAD" else None)
        await self._app(scope, receive, packed.send)


class _PackedAnswer:
    """One answer. Its start is held back until the first part of the body tells whether packing pays."""

    def __init__(self, send: Send, coding: str | None) -> None:
        self._send = send
        self._coding = coding
        self._start: Message | None = None
        self._packer: Packer | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_packable(message):
            message["headers"] = _varied(message["headers"])
            if self._coding:
                self._start = message
                return
        elif message["type"] == "http.response.body":
            message = await self._pack(message)
        await self._pass_on(message)

    async def _pack(self, message: Message) -> Message:
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._packer is None and self._start and self._coding:
            return await self._pack_first(self._start, self._coding, body, more)
        if self._packer is None:
            return message
        return _part(_pack_part(self._packer, body, more), more)

    async def _pack_first(self, start: Message, coding: str, body: bytes, more: bool) -> Message:
        length = header(start["headers"], b"content-length")
        if more and not (length and int(length) < MINIMUM):
            start["headers"] = _packed_headers(start["headers"], coding)
            self._packer = new_packer(coding)
            return _part(_pack_part(self._packer, body, more), more)
        packed = await _pack_whole(coding, body) if not more else body
        if len(packed) < len(body):
            start["headers"] = [
                *_packed_headers(start["headers"], coding),
                (b"content-length", str(len(packed)).encode()),
            ]
        return _part(min(packed, body, key=len), more)

    async def _pass_on(self, message: Message) -> None:
        if self._start:
            start, self._start = self._start, None
            await self._send(start)
        await self._send(message)


# Clients say the same again and again.
@lru_cache(maxsize=256)
def choose_coding(accept: str) -> str | None:
    """Return the coding that an `Accept-Encoding` likes best, `zstd` before `gzip` at a tie, or None for neither."""
    qualities = dict(_qualities(accept))
    others = qualities.get("*", 0.0)
    liked = max(_CODINGS, key=lambda coding: qualities.get(coding, others))
    quality = qualities.get(liked, others)
    return liked if quality > 0 and quality >= qualities.get("identity", 0.0) else None


def _qualities(accept: str) -> list[tuple[str, float]]:
    return [_quality(each) for each in accept.lower().split(",") if each.strip()]


def _quality(item: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in item.split(";"))
    name = "gzip" if name == "x-gzip" else name
    if not parameters:
        return name, 1.0
    match = _QUALITY.fullmatch(parameters[0])
    return name, float(match[1]) if match else 0.0


def _is_packable(start: Message) -> bool:
    headers: Headers = start.get("headers", [])
    return bool(
        start["status"] not in _LEFT_ALONE
        and _TEXT.match(header(headers, b"content-type") or "")
        and header(headers, b"content-encoding") is None
        and "no-transform" not in (header(headers, b"cache-control") or "").lower()
    )


def _varied(headers: Headers) -> Headers:
    vary = header(headers, b"vary")
    names = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
    if vary and ("accept-encoding" in vary.lower() or vary.strip() == "*"):
        names = vary
    return [*without(headers, b"vary"), (b"vary", names.encode())]


def _packed_headers(headers: Headers, coding: str) -> Headers:
    kept = [(key, _weak(value) if key == b"etag" else value) for key, value in headers]
    return [*without(kept, b"content-length"), (b"content-encoding", coding.encode())]


def _weak(etag: bytes) -> bytes:
    """A strong ETag promises equal bytes, which two codings of one body do not have (RFC 9110 section 8.8.1)."""
    return etag if etag.startswith(b"W/") else b"W/" + etag


async def _pack_whole(coding: str, body: bytes) -> bytes:
    if len(body) < MINIMUM:
        return body
    if len(body) < _IN_THREAD:
        return pack(coding, body)
    return await asyncio.to_thread(pack, coding, body)


def _pack_part(packer: Packer, body: bytes, more: bool) -> bytes:
    packed = packer.compress(body)
    return packed if more else packed + packer.flush()


def _part(body: bytes, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
