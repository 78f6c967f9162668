"""One log line per answered request: method, the path's beginning, status, milliseconds.

Law: nothing else of the request is logged, because paths and query strings carry ids and tokens.
"""

import logging
import time

from balados_shared.http.asgi import App, Message, Receive, Scope, Send
from balados_shared.http.logging import short_path

_log = logging.getLogger("balados.access")


class AccessLog:
    """An ASGI layer that logs answers once they are complete; it stands within RequestIds or around it."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def send_noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, send_noting)
        finally:
            spent = (time.perf_counter() - began) * 1_000
            _log.info("%s %s %d %.1f ms", scope["method"], short_path(scope["path"]), status, spent)
