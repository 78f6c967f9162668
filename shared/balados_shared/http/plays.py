"""`/api/v1/play`: where somebody is in an episode (protocol sheet, section 3.4)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypedDict

from litestar import Router, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from balados_shared import problems
from balados_shared.edit import progress
from balados_shared.http.access import CallersLibrary, LibraryAccess, Pace
from balados_shared.http.documented import FeedText, ItemText, PositionSeconds, reads, writes
from balados_shared.http.naming import named_episode
from balados_shared.http.paging import CursorQuery, SinceQuery, listed_page, place_in_list, wanted
from balados_shared.http.shapes import SUCCESS, play_shape
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import PlayStatus

MAX_PAGE = 100

PlayerState = Literal["playing", "paused", "seeked", "ended"]


class _Chosen(TypedDict):
    feed: FeedId | None
    played: bool | None


READ, WRITE = "user.plays.read", "user.plays.write"


class PlayBody(Struct, rename={"episode_id": "episodeId", "feed_url": "feedUrl"}):
    """A position report: documented (`rss_source_…`, `played`) or as balados.app's queue sends it.

    `position` and `duration` are seconds. `state` says what the player does; while it is `playing`, other devices
    hear of it at most every 30 seconds (DESIGN.md section 4, "Playing").
    """

    position: PositionSeconds | None = None
    rss_source_feed: FeedText | None = None
    rss_source_item: ItemText | None = None
    played: bool | None = None
    episode_id: str | None = None
    feed_url: str | None = None
    completed: bool | None = None
    duration: float | None = None
    state: PlayerState = "paused"


class PositionBody(Struct):
    """A new position in an episode that the path names."""

    position: PositionSeconds | None = None
    played: bool | None = None
    duration: float | None = None
    rss_source_feed: FeedText | None = None
    state: PlayerState = "paused"


@get("/", scope=READ, summary="List play statuses, the newest first", responses=reads())
async def list_play_statuses(
    library: CallersLibrary,
    played: FromQuery[str | None] = None,
    feed: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
    offset: FromQuery[int] = 0,
    cursor: CursorQuery = None,
    since: SinceQuery = None,
) -> dict[str, Any]:
    page = wanted(limit, offset, most=MAX_PAGE)
    chosen: _Chosen = {
        "feed": FeedId.read(feed) if feed else None,
        "played": None if played is None else played == "true",
    }
    place = place_in_list(cursor, since)
    if place is not None:
        listed = library.listed(PlayStatus, place, limit=page.limit, **chosen)
        return listed_page("play_statuses", listed, _shaping(library, listed.values))
    statuses, total = library.play_statuses(**chosen, limit=page.limit, offset=page.offset)
    pagination = {"limit": page.limit, "offset": page.offset, "total": total}
    shape = _shaping(library, statuses)
    return {"play_statuses": [shape(status) for status in statuses], "pagination": pagination}


@get("/{feed:str}/{item:str}", scope=READ, summary="Show where one episode stands", responses=reads(404))
async def show_play_status(
    feed: FromPath[FeedText], item: FromPath[ItemText], library: CallersLibrary
) -> dict[str, Any]:
    named = FeedId.read(feed)
    status = library.play_status(EpisodeId.read(item, named), named)
    if status is None:
        raise problems.not_found("Nothing is known of this episode yet")
    return _shaping(library, [status])(status)


@post("/", status_code=200, scope=WRITE, summary="Report a position", responses=writes())
async def record_play(data: JSONBody[PlayBody], library: CallersLibrary) -> dict[str, str]:
    feed_text, item_text = data.rss_source_feed or data.feed_url, data.rss_source_item or data.episode_id
    if not feed_text or not item_text or data.position is None:
        raise problems.bad_request("Missing required parameters: rss_source_feed, rss_source_item, position, played")
    feed = FeedId.read(feed_text)
    played = data.played if data.played is not None else data.completed
    wish = progress(
        feed, EpisodeId.read(item_text, feed), position=data.position, played=played, duration=data.duration
    )
    await library.change(wish, _pace(data.state))
    return SUCCESS


@put("/{item:str}/position", scope=WRITE, summary="Set the position of an episode", responses=writes(404))
async def set_position(
    item: FromPath[ItemText],
    data: JSONBody[PositionBody],
    library: CallersLibrary,
    feed: FromQuery[str | None] = None,
) -> dict[str, str]:
    if data.position is None:
        raise problems.bad_request("Missing required parameters: position")
    named, episode = named_episode(library, feed or data.rss_source_feed, item)
    wish = progress(named, episode, position=data.position, played=data.played, duration=data.duration)
    await library.change(wish, _pace(data.state))
    return SUCCESS


def _shaping(library: LibraryAccess, statuses: Sequence[PlayStatus]) -> Callable[[PlayStatus], dict[str, Any]]:
    """Return what shapes these statuses, with the titles of their feeds."""
    titles = library.feed_titles(status.rss_source_feed for status in statuses)
    return partial(play_shape, user_id=library.user_id, titles=titles)


def _pace(state: PlayerState) -> Pace:
    return Pace.PLAYING if state == "playing" else Pace.AT_ONCE


router = Router(
    "/play", route_handlers=[list_play_statuses, show_play_status, record_play, set_position], tags=["Library"]
)
