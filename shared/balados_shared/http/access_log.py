"""One log line per answered request: method, route, status, milliseconds.

Law: nothing else of the request is logged. The route is the template it was found by, because a path itself carries
ids and tokens; what fits no route stays nameless.
"""

import logging
import time
from http import HTTPStatus

from balados_shared.http.asgi import App, Message, Receive, Scope, Send

_log = logging.getLogger("balados.access")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class AccessLog:
    """An ASGI layer that logs answers once they are complete, the failures of ours as warnings.

    It stands around all others; `level` is that of all that went well.
    """

    def __init__(self, app: App, level: int = logging.INFO) -> None:
        self._app = app
        self._level = level

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
            self._write(scope, status, (time.perf_counter() - began) * 1_000)

    def _write(self, scope: Scope, status: int, spent: float) -> None:
        level = logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else self._level
        if not _log.isEnabledFor(level):
            return
        method = scope["method"] if scope["method"] in _METHODS else "-"
        # Litestar notes there by which route it answered.
        route = scope.get("path_template") or "-"
        fields = {"method": method, "route": route, "status": status, "ms": round(spent, 1)}
        _log.log(level, "%s %s %d %.1f ms", method, route, status, spent, extra={"fields": fields})
