"""`/api/v1/likes`: liked feeds and episodes (protocol sheet, section 3.4)."""

from typing import Any

from litestar import Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from balados_shared import problems
from balados_shared.edit import like, unlike
from balados_shared.http.access import CallersLibrary
from balados_shared.http.documented import FeedText, ItemText, reads, writes
from balados_shared.http.paging import CursorQuery, SinceQuery, listed_page, place_in_list, wanted
from balados_shared.http.shapes import SUCCESS, like_shape
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Like

MAX_PAGE = 500

READ, WRITE = "user.likes.read", "user.likes.write"


class LikeBody(Struct, rename={"feed_url": "feedUrl"}):
    """What to like: a feed, or one of its episodes."""

    rss_source_feed: FeedText | None = None
    rss_source_item: ItemText | None = None
    feed_url: str | None = None


@get("/", scope=READ, summary="List what is liked", responses=reads())
async def list_likes(
    library: CallersLibrary,
    limit: FromQuery[int] = MAX_PAGE,
    offset: FromQuery[int] = 0,
    cursor: CursorQuery = None,
    since: SinceQuery = None,
) -> dict[str, Any]:
    page = wanted(limit, offset, most=MAX_PAGE)
    place = place_in_list(cursor, since)
    if place is not None:
        listed = library.listed(Like, place, limit=page.limit)
        return listed_page("likes", listed, like_shape) | {"has_more": listed.after is not None}
    found = library.likes(limit=page.limit + 1, offset=page.offset)
    return {"likes": [like_shape(like) for like in found[: page.limit]], "has_more": len(found) > page.limit}


@post("/", status_code=200, scope=WRITE, summary="Like a feed or an episode", responses=writes())
async def add_like(data: JSONBody[LikeBody], library: CallersLibrary) -> dict[str, str]:
    text = data.rss_source_feed or data.feed_url
    if not text:
        raise problems.bad_request("Missing required parameter: rss_source_feed")
    feed = FeedId.read(text)
    await library.change(like(feed, EpisodeId.read(data.rss_source_item, feed) if data.rss_source_item else None))
    return SUCCESS


@delete("/{feed:str}", status_code=200, scope=WRITE, summary="Like a feed no more", responses=writes(404))
async def remove_feed_like(feed: FromPath[FeedText], library: CallersLibrary) -> dict[str, str]:
    await library.change(unlike(FeedId.read(feed)))
    return SUCCESS


@delete(
    "/{feed:str}/{item:str}",
    status_code=200,
    scope=WRITE,
    summary="Like an episode no more",
    responses=writes(404),
)
async def remove_episode_like(
    feed: FromPath[FeedText], item: FromPath[ItemText], library: CallersLibrary
) -> dict[str, str]:
    liked = FeedId.read(feed)
    await library.change(unlike(liked, EpisodeId.read(item, liked)))
    return SUCCESS


router = Router(
    "/likes", route_handlers=[list_likes, add_like, remove_feed_like, remove_episode_like], tags=["Library"]
)
