"""`/api/v1/rss/proxy`: feeds for web pages, which may not fetch them from elsewhere (protocol sheet, section 7.1).

Law: what is handed on is somebody else's, so that a browser that is led here must run nothing of it: this is the origin
where people are logged in.
"""

from typing import Any
from urllib.parse import unquote

from litestar import Request, Response, Router, get, route
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from balados_relay.api.callers import bearer_token
from balados_relay.feeds.find import find_episode
from balados_relay.feeds.service import RelayFeeds
from balados_shared import problems
from balados_shared.http import problems as documents
from balados_shared.http.documented import reads
from balados_shared.ids import EpisodeId, FeedId

_BEFORE = b"/rss/proxy/"

_SHARED = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, OPTIONS"}
_HEADERS = {
    **_SHARED,
    "Access-Control-Allow-Headers": "Content-Type",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
_FOR_ALL, _FOR_ONE = {"Cache-Control": "public, max-age=300"}, {"Cache-Control": "private, max-age=300"}
_PREFLIGHT = {
    **_SHARED,
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "86400",
}


async def only_those_served(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let in whom the relay fetches for, as a guard. Raises Problem 401 or 403.

    By default those are its members. Upstream serves everybody, without asking who: an open proxy hides strangers and
    spends the relay's traffic, so it takes a decision of the owner.
    """
    if not isinstance(connection, Request) or connection.method == HttpMethod.OPTIONS:
        return
    match connection.app.state.settings.proxy:
        case "everybody":
            return
        case "members":
            if await connection.app.state.visitor(connection) is None:
                connection.app.state.accounts.authenticate(bearer_token(connection))
        case _:
            raise problems.forbidden("This relay fetches no feeds for others")


def _readable(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Let a page read why it got nothing."""
    answer = documents.answer(request, error)
    answer.headers.update(_SHARED)
    return answer


@get(
    "/{names:path}",
    bucket="proxy",
    summary="Fetch a feed: FEED, or FEED/EPISODE if the feed must have that episode",
    responses=reads(404, 429, 502),
    media_type="application/xml",
)
async def fetch_feed(
    request: Request[Any, Any, Any], names: FromPath[str], feeds: NamedDependency[RelayFeeds]
) -> Response[bytes]:
    """Answer with the feed byte by byte, also where only one episode of it was asked for."""
    feed, item = _named(request)
    if item is not None and find_episode(await feeds.parsed(feed), item) is None:
        raise problems.not_found("Episode not found in feed")
    document = await feeds.document(feed)
    # A cache on the way must not serve strangers what the relay gave to a member.
    kept = _FOR_ALL if request.app.state.settings.proxy == "everybody" else _FOR_ONE
    return Response(document.body, headers=_HEADERS | kept, media_type="application/xml; charset=utf-8")


@route("/{names:path}", http_method=[HttpMethod.OPTIONS], include_in_schema=False)
async def allow_pages(names: FromPath[str]) -> Response[None]:
    """Answer the question that browsers ask before they let a page fetch (Fetch standard, "CORS-preflight fetch")."""
    return Response(None, status_code=204, headers=_PREFLIGHT)


def _named(request: Request[Any, Any, Any]) -> tuple[FeedId, EpisodeId | None]:
    """Return what the path names. Its raw form is read, in which a slash within an id is still `%2F`."""
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    parts = [unquote(part) for part in raw.partition(_BEFORE)[2].decode("ascii", "replace").strip("/").split("/")]
    if len(parts) > 2 or not parts[0]:
        raise problems.not_found("There is nothing by that name")
    feed = FeedId.read(parts[0])
    return feed, EpisodeId.read(parts[1], feed) if len(parts) == 2 else None


router = Router(
    "/rss/proxy",
    # In this order: where Litestar finds no handler of OPTIONS yet, it makes one of its own.
    route_handlers=[allow_pages, fetch_feed],
    guards=[only_those_served],
    exception_handlers={Exception: _readable},
    tags=["Feeds"],
)
