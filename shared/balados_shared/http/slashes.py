"""Names in a path that hold a slash: `%2F` belongs to the name, and does not begin the next one (RFC 3986 section 2.2).

Servers decode a path before it is routed, and then nobody can tell. Apps name episodes by their media URL and feeds by
standard base64, which both have slashes.
"""

from urllib.parse import unquote

from litestar.types import ASGIApp, Receive, Scope, Send

from balados_shared.http import asgi

_MARK = "\x1f"
"""Stands for a slash within a name while the path is routed. No name holds a control character."""


class KeepSlashes:
    """An ASGI layer around the app that keeps slashes within names from being taken for ends of names."""

    def __init__(self, app: asgi.App) -> None:
        self._app = app

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        raw: bytes = scope.get("raw_path") or b""
        if scope["type"] == "http" and b"%2f" in raw.lower():
            names = raw.partition(b"?")[0].decode("latin-1").split("/")
            scope = {**scope, "path": "/".join(unquote(name).replace("/", _MARK) for name in names)}
        await self._app(scope, receive, send)


def restore_slashes(app: ASGIApp) -> ASGIApp:
    """Give the names their slashes back, once the route is known. For `Litestar(middleware=…)`."""

    async def restored(scope: Scope, receive: Receive, send: Send) -> None:
        names = scope.get("path_params") or {}
        if any(isinstance(name, str) and _MARK in name for name in names.values()):
            whole = {key: name.replace(_MARK, "/") if isinstance(name, str) else name for key, name in names.items()}
            scope["path_params"] = whole
        await app(scope, receive, send)

    return restored
