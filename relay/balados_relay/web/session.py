"""Who is looking at a page, by the session that the browser's cookie names.

Law: somebody who has to log in first is sent back afterwards, but only to a page of ours that they asked for.
"""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.handlers import BaseRouteHandler

from balados_relay.people.person import Browser, Person
from balados_relay.people.service import People
from balados_relay.web.cookies import RETURN, SESSION, Connection, cookie
from balados_relay.web.pages import see_other
from balados_shared import problems
from balados_shared.errors import BaladosError

__all__ = ["LogInFirst", "Person", "browser_of", "only_owners", "only_people", "person_of", "visitor", "way_back"]

LOG_IN = "/users/log_in"
HOME = "/dashboard"

_RETURN_SECONDS = 600
_LONGEST_PATH = 3_800
"""Bytes: with its name and attributes a cookie may have 4,096 (RFC 6265 section 6.1)."""


class LogInFirst(BaladosError):
    """Raised for a page that is only for people who are logged in."""


async def only_people(connection: Connection, _: BaseRouteHandler) -> None:
    """Let in who is logged in, as a guard; others are sent to log in."""
    if await visitor(connection) is None:
        raise LogInFirst("Please log in first.")


async def only_owners(connection: Connection, _: BaseRouteHandler) -> None:
    """Let in the owner, as a guard. Raises Problem 403 for other people."""
    person = await visitor(connection)
    if person is None:
        raise LogInFirst("Please log in first.")
    if not person.is_owner:
        raise problems.forbidden("Only the owner of this relay can do that.")


async def visitor(connection: Connection) -> Person | None:
    """Return who is logged in, if anybody."""
    if "person" not in connection.state:
        people: People = connection.app.state.people
        connection.state.person = await people.recognise(connection.cookies.get(SESSION, ""))
    person: Person | None = connection.state.person
    return person


async def person_of(request: Request[Any, Any, Any]) -> Person:
    """Return who is logged in, for the parameter `person` of the pages that `only_people` guards."""
    person: Person = request.state.person
    return person


def log_in_first(request: Request[Any, Any, Any], _: LogInFirst) -> Response[str]:
    """Send somebody to log in, and remember what they asked for: an exception handler."""
    asked = request.scope["path"]
    if request.scope["query_string"]:
        asked += "?" + request.scope["query_string"].decode("latin-1")
    kept = quote(asked, safe="/?=&.-_~:")
    if request.method != "GET" or not is_local(asked) or len(kept) > _LONGEST_PATH:
        return see_other(LOG_IN, status=302 if request.method == "GET" else 303)
    return see_other(LOG_IN, status=302, cookies=[cookie(request, RETURN, kept, _RETURN_SECONDS)])


def way_back(connection: Connection) -> str:
    """Return where somebody goes who has just logged in."""
    wanted = connection.cookies.get(RETURN, "")  # Litestar takes the quotes off
    return wanted if is_local(wanted) else HOME


def is_local(path: str) -> bool:
    r"""Whether a browser that is sent there stays with us.

    Browsers read `//host`, `/\host` and what has a control character in between as another site (WHATWG URL,
    section 4.4).
    """
    plain = path.isascii() and path.isprintable() and " " not in path and "\\" not in path
    return plain and path.startswith("/") and not path.startswith("//")


def browser_of(connection: Connection) -> Browser:
    """Return what somebody looks at our pages with."""
    source = connection.client.host if connection.client else ""
    return Browser(source, connection.headers.get("user-agent", ""))
