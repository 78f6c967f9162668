"""Every request has an id, which its log lines and its answer carry.

Law: a sane `X-Request-Id` of the client is kept, so that one action can be followed through several programs;
anything else is replaced, because the id is written to logs.
"""

import re
import secrets
from contextvars import ContextVar

from balados_shared.http.asgi import App, Headers, Message, Receive, Scope, Send, header

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ANSWERS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered, or None outside of one."""


class RequestIds:
    """The outermost layer: names the request, and puts the name on its answer."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        name = _name_of(scope["headers"])
        request_id.set(name)

        async def send_named(message: Message) -> None:
            if message["type"] in _ANSWERS:
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name.encode())]
            await send(message)

        await self._app(scope, receive, send_named)


def _name_of(headers: Headers) -> str:
    offered = header(headers, b"x-request-id") or ""
    return offered if _SANE.fullmatch(offered) else secrets.token_hex(8)
