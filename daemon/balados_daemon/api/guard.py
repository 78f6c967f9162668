"""Who may talk to the daemon: programs on this machine that can read its token file.

A web page anywhere can make a browser send requests to localhost, also under a name that it points there itself. So the
`Host` must be a name of this machine, an `Origin` must be our own, and everything but the health check wants the token
(DESIGN.md section 6).
"""

import hmac
from urllib.parse import urlsplit

from balados_shared import problems
from balados_shared.http.asgi import App, Receive, Scope, Send, header
from balados_shared.http.problems import raw_answer
from balados_shared.problems import Problem

_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_OPEN = frozenset({"/api/v1/health"})
_SELF_AUTHENTICATING = frozenset({"/api/v1/live"})


class Guard:
    """ASGI middleware that lets only the owner's programs through."""

    def __init__(self, app: App, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (problem := self._objection(scope)) is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": problem.code})
        else:
            for message in raw_answer(problem):
                await send(message)

    def admits(self, token: object) -> bool:
        """Whether this is the token."""
        return isinstance(token, str) and hmac.compare_digest(token.encode(), self._token)

    def _objection(self, scope: Scope) -> Problem | None:
        headers = scope["headers"]
        host, origin = header(headers, b"host") or "", header(headers, b"origin")
        if _name(host) not in _NAMES:
            return problems.forbidden("This Host is not served here")
        if origin is not None and origin != f"http://{host}":
            return problems.forbidden("This Origin may not use the daemon")
        if scope["path"] in _OPEN or scope["path"] in _SELF_AUTHENTICATING:
            return None
        scheme, _, token = (header(headers, b"authorization") or "").partition(" ")
        return None if scheme == "Bearer" and self.admits(token) else problems.unauthorized()


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
