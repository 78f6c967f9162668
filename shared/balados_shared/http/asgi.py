"""ASGI 3 as plain types, for the few layers that wrap a whole app.

Law: a layer knows bytes and headers only; what a request means is the app's business.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Frameworks type their messages each in their own way, so an app is whatever can be called like one.
App = Callable[[Any, Any, Any], Awaitable[None]]


def header(headers: Headers, name: bytes) -> str | None:
    """Return the values of one header, joined by commas (RFC 9110 section 5.3), or None.

    `name` is lower case, as all names are by ASGI's own rule.
    """
    values = [value for key, value in headers if key == name]
    return b", ".join(values).decode("latin-1") if values else None


def without(headers: Headers, *names: bytes) -> Headers:
    """Return the headers except those named (in lower case)."""
    return [(key, value) for key, value in headers if key not in names]
