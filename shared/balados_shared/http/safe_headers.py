"""What every answer says to browsers and caches, unless the route says otherwise.

Law: an answer is what its type says and nothing else; where somebody was is nobody's business; what was told to the
holder of a token is stored by nobody on the way.
"""

from balados_shared.http.asgi import App, Headers, Message, Receive, Scope, Send, header

_EVERYWHERE = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
_TO_CALLERS = (b"cache-control", b"no-store")
_ON_PAGES = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'self'; img-src 'self'; "
    b"form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
)
_OVER_TLS = (b"strict-transport-security", b"max-age=31536000")


class SafeHeaders:
    """An ASGI layer that adds the security headers an answer lacks. It stands around the edge."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = _wanted(scope)

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: Headers = list(message.get("headers", ()))
                has = {name for name, _ in headers}
                page = (header(headers, b"content-type") or "").startswith("text/html")
                lacking = [each for each in [*wanted, *([_ON_PAGES] if page else [])] if each[0] not in has]
                message["headers"] = headers + lacking
            await send(message)

        await self._app(scope, receive, send_safe)


def _wanted(scope: Scope) -> Headers:
    wanted = list(_EVERYWHERE)
    if header(scope["headers"], b"authorization") is not None:
        wanted.append(_TO_CALLERS)
    # RFC 6797 section 7.2: over plain HTTP it says nothing.
    if scope.get("scheme") == "https":
        wanted.append(_OVER_TLS)
    return wanted
