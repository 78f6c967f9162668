"""The cookies of the pages.

Law: no script can read them, no other site can send them along with a form, and over https they never travel in clear.
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

Connection = ASGIConnection[Any, Any, Any, Any]

SESSION = "balados_session"
"""Holds the id of a session; only its hash is stored."""

VISITOR = "balados_visitor"
"""Tells the browsers of people who are not logged in apart, so that their forms too are known as their own."""

RETURN = "balados_return"
"""Where somebody wanted to go who had to log in first."""


def cookie(connection: Connection, key: str, value: str, max_age: int | None = None) -> Cookie:
    """Make a cookie that lasts `max_age` seconds, by default until the browser is closed."""
    return Cookie(
        key,
        value=value,
        max_age=max_age,
        path="/",
        httponly=True,
        samesite="lax",
        secure=connection.url.scheme == "https",
    )


def forget(connection: Connection, key: str) -> Cookie:
    """Make the cookie that takes one away."""
    return cookie(connection, key, "", max_age=0)
