"""`/rss/…` and `/play/…`: somebody's podcasts as one feed, for players that know nothing but feeds (sections 7.3, 7.4).

Law: who has the link has what it shows, since such players cannot log in; its token is an app's, and is revoked so.
The gateway leads nowhere but to where the podcast's own feed says, and changes nothing: that a player asks for a file,
or for the rest of it, is no position.
"""

import re
from typing import Any
from urllib.parse import quote

from litestar import Request, Response, Router, get, route
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.enums import HttpMethod
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from balados_relay.accounts.callers import Caller
from balados_relay.accounts.scopes import allows
from balados_relay.feeds import selection as select
from balados_relay.feeds.find import find_episode, item_of
from balados_relay.feeds.gathering import Gathering
from balados_relay.feeds.merge import Entry
from balados_relay.feeds.selection import Selection
from balados_relay.feeds.service import RelayFeeds
from balados_relay.settings import Settings
from balados_shared import problems
from balados_shared.http.collections import CollectionId
from balados_shared.http.documented import FeedText, ItemText, reads
from balados_shared.http.playlists import PlaylistId
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.storage.database import Database
from balados_shared.storage.reader import LibraryReader

GATEWAY = "/play/{token:str}/{feed:str}/{item:str}"
SUBSCRIPTIONS, PLAYS = "user.subscriptions.read", "user.plays.write"

_ID = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_IN_A_URL = "%/:?#[]@!$&'()*+,;=~"
"""What stays as it is in a Location header, beside letters, digits and `_.-` (RFC 3986 section 2)."""

AnyRequest = Request[Any, Any, Any]
Feed = Response[bytes]
Mine = NamedDependency[LibraryReader]
Merging = NamedDependency[Gathering]

_FEED_HEADERS = {
    "Cache-Control": "private, max-age=60",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


async def only_link_holders(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let in whose link holds a good token, as a guard. Raises Problem 401 or 403."""
    caller: Caller = connection.app.state.accounts.authenticate(connection.path_params["token"])
    if not allows(caller.scopes, handler.opt["scope"]):
        raise problems.forbidden()
    connection.state.caller = caller


async def own_library(caller: NamedDependency[Caller], database: NamedDependency[Database]) -> LibraryReader:
    """Return whose podcasts it is about, for the parameter `mine`. Nobody is shown it whole, so nothing is noted."""
    return LibraryReader(database, caller.account)


_SAID: dict[str, Any] = {
    "scope": SUBSCRIPTIONS,
    "bucket": "rss",
    "responses": reads(404, 429),
    "media_type": "application/xml",
}


@get(
    ["/rss/{token:str}/subscriptions", "/api/v1/rss/user/{token:str}/subscriptions"],
    summary="Everything you follow, as one feed",
    **_SAID,
)
async def merged_subscriptions(request: AnyRequest, token: FromPath[str], mine: Mine, gathering: Merging) -> Feed:
    return await _feed(request, token, mine, gathering, select.of_subscriptions(mine))


@get("/rss/{token:str}/collections/{name:str}", summary="A collection as one feed", **_SAID)
async def merged_collection(
    request: AnyRequest,
    token: FromPath[str],
    name: FromPath[CollectionId],
    caller: NamedDependency[Caller],
    mine: Mine,
    gathering: Merging,
) -> Feed:
    return await _feed(request, token, mine, gathering, select.of_collection(mine, caller.user_id, name))


@get(
    ["/rss/{token:str}/playlists/{name:str}", "/api/v1/rss/user/{token:str}/playlist/{name:str}"],
    summary="A playlist as one feed, in its order",
    **_SAID,
)
async def merged_playlist(
    request: AnyRequest, token: FromPath[str], name: FromPath[PlaylistId], mine: Mine, gathering: Merging
) -> Feed:
    return await _feed(request, token, mine, gathering, select.of_playlist(mine, name))


@get(
    GATEWAY,
    status_code=302,
    scope=PLAYS,
    bucket="gateway",
    summary="Lead a player to an episode",
    responses=reads(404, 429, 502),
)
async def play(
    token: FromPath[str], feed: FromPath[FeedText], item: FromPath[ItemText], feeds: NamedDependency[RelayFeeds]
) -> Response[bytes]:
    return await _lead(feed, item, feeds)


@route(GATEWAY, http_method=[HttpMethod.HEAD], status_code=302, scope=PLAYS, bucket="gateway", include_in_schema=False)
async def look_before_playing(
    token: FromPath[str], feed: FromPath[FeedText], item: FromPath[ItemText], feeds: NamedDependency[RelayFeeds]
) -> Response[bytes]:
    return await _lead(feed, item, feeds)


async def _lead(feed: str, item: str, feeds: RelayFeeds) -> Response[bytes]:
    named, episode_id = _named(feed, item)
    episode = find_episode(await feeds.parsed(named), episode_id)
    if episode is None or not episode.enclosure_url:
        raise problems.not_found("Episode not found in feed")
    headers = {
        "Location": quote(episode.enclosure_url, safe=_IN_A_URL),
        "Cache-Control": "no-cache, no-store, must-revalidate",
    }
    return Response(b"", status_code=302, headers=headers, media_type="text/plain")


async def _feed(
    request: AnyRequest, token: str, library: LibraryReader, gathering: Gathering, selection: Selection
) -> Feed:
    """Answer with a selection as a feed, whose enclosures lead through the gateway."""
    settings: Settings = request.app.state.settings
    home = (settings.public_url or str(request.base_url)).rstrip("/")

    def link(entry: Entry) -> str:
        return f"{home}/play/{quote(token, safe='')}/{entry.feed}/{item_of(entry.episode)}"

    body = await gathering.rss(library.account, selection, f"{home}/", link)
    return Response(body, headers=_FEED_HEADERS, media_type="application/xml; charset=utf-8")


def _named(feed: str, item: str) -> tuple[FeedId, EpisodeId]:
    """Read the ids of a link, which we made ourselves, so that nothing but ids will do. Raises Problem 400."""
    if not (_ID.fullmatch(feed) and _ID.fullmatch(item)):
        raise problems.bad_request("Invalid ID encoding")
    named = FeedId.read(feed)
    return named, EpisodeId.read(item, named)


router = Router(
    "/",
    route_handlers=[merged_subscriptions, merged_collection, merged_playlist, play, look_before_playing],
    guards=[only_link_holders],
    dependencies={"mine": Provide(own_library)},
    tags=["Feeds"],
)
