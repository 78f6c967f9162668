"""The `Date` header (RFC 9110 section 6.6.1), made when it is needed.

Law: no timer. uvicorn renews its own every second, which keeps an idle machine awake.
"""

import time
from email.utils import formatdate
from functools import lru_cache

from balados_shared.http.asgi import App, Message, Receive, Scope, Send


class DateHeader:
    """An ASGI layer that dates the answers of an origin server."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(b"date", _http_date(int(time.time()))), *message.get("headers", ())]
            await send(message)

        await self._app(scope, receive, send_dated)


@lru_cache(maxsize=1)
def _http_date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
