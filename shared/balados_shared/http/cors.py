"""Which web pages of other origins may use the API (Fetch standard, section 3.3, "CORS protocol").

Law: an origin is let in only by being named. Cookies never count: pages show a token, which nobody can make them show.
"""

import re
from collections.abc import Collection

from balados_shared.errors import InvalidInput
from balados_shared.http.asgi import App, Headers, Message, Receive, Scope, Send, header, without

ANY = "*"

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:.]+\](:\d{1,5})?")
_PATHS = "/api/"

_MAY_SEND = b"Authorization, Content-Type, Content-Encoding, X-Request-Id"
_MAY_USE = b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
_MAY_READ = b"RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id"
_REMEMBERED = b"86400"
"""Seconds for which a browser need not ask again."""


def read_origin(text: str) -> str:
    """Return an origin as browsers write it, or `*` for all. Raises InvalidInput."""
    origin = text.strip().lower().rstrip("/")
    if origin != ANY and not _ORIGIN.fullmatch(origin):
        raise InvalidInput("an origin is like https://balados.app: scheme, host and perhaps a port; or * for all")
    return origin


class Cors:
    """An ASGI layer that lets pages of some origins read the API's answers, refusals too. It stands around the edge.

    `origins` are as `read_origin` gives them.
    """

    def __init__(self, app: App, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._origins or not scope["path"].startswith(_PATHS):
            await self._app(scope, receive, send)
            return
        allowed = self._allowed(header(scope["headers"], b"origin"))
        if allowed and _is_preflight(scope):
            await _answer_preflight(allowed, send)
            return

        async def send_shared(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._shared(list(message.get("headers", ())), allowed)
            await send(message)

        await self._app(scope, receive, send_shared)

    def _allowed(self, origin: str | None) -> bytes | None:
        """Return what `Access-Control-Allow-Origin` says to an origin, if anything."""
        if ANY in self._origins:
            return ANY.encode()
        return origin.encode() if origin in self._origins else None

    def _shared(self, headers: Headers, allowed: bytes | None) -> Headers:
        """Add what a page may read. Where a route has said that itself, it stands."""
        if header(headers, b"access-control-allow-origin") is not None:
            return headers
        if ANY not in self._origins:
            headers = _varied(headers)
        if allowed is None:
            return headers
        return [*headers, (b"access-control-allow-origin", allowed), (b"access-control-expose-headers", _MAY_READ)]


def _is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and header(scope["headers"], b"access-control-request-method") is not None


async def _answer_preflight(allowed: bytes, send: Send) -> None:
    headers = [
        (b"access-control-allow-origin", allowed),
        (b"access-control-allow-methods", _MAY_USE),
        (b"access-control-allow-headers", _MAY_SEND),
        (b"access-control-max-age", _REMEMBERED),
        (b"vary", b"Origin"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _varied(headers: Headers) -> Headers:
    """Say that the answer depends on who asks, also to those who got nothing: caches must not mix the two up."""
    names = [each for each in (header(headers, b"vary"), "Origin") if each]
    return [*without(headers, b"vary"), (b"vary", ", ".join(names).encode())]
