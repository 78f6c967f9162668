"""`/api/v1/subscriptions`: what is followed (protocol sheet, section 3.4)."""

from functools import partial
from typing import Any

from litestar import Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from balados_shared import problems
from balados_shared.edit import subscribe, unsubscribe
from balados_shared.http.access import CallersLibrary
from balados_shared.http.documented import FeedText, reads, writes
from balados_shared.http.paging import CursorQuery, SinceQuery, listed_page, place_in_list, wanted
from balados_shared.http.shapes import SUCCESS, subscription_shape
from balados_shared.ids import FeedId
from balados_shared.kinds import Subscription

MAX_PAGE = 500

READ, WRITE = "user.subscriptions.read", "user.subscriptions.write"


class SubscribeBody(Struct, rename={"feed_url": "feedUrl"}):
    """A wish to subscribe: documented (`rss_source_feed`) or as balados.app's queue sends it (`feedUrl`)."""

    rss_source_feed: FeedText | None = None
    rss_source_id: str | None = None
    feed_url: str | None = None
    title: str | None = None
    image: str | None = None


@get("/", scope=READ, summary="List what is subscribed to", responses=reads())
async def list_subscriptions(
    library: CallersLibrary,
    limit: FromQuery[int] = MAX_PAGE,
    cursor: CursorQuery = None,
    since: SinceQuery = None,
) -> dict[str, Any]:
    shape = partial(subscription_shape, user_id=library.user_id)
    place = place_in_list(cursor, since)
    if place is not None:
        listed = library.listed(Subscription, place, limit=wanted(limit, 0, most=MAX_PAGE).limit)
        return listed_page("subscriptions", listed, shape)
    # Without a cursor the documented answer holds them all.
    return {"subscriptions": [shape(subscription) for subscription in library.subscriptions()]}


@post("/", status_code=200, scope=WRITE, summary="Subscribe to a feed", responses=writes())
async def add_subscription(data: JSONBody[SubscribeBody], library: CallersLibrary) -> dict[str, str]:
    feed = data.rss_source_feed or data.feed_url
    if not feed:
        raise problems.bad_request("Missing required parameters: rss_source_feed")
    await library.change(subscribe(FeedId.read(feed), title=data.title, image=data.image))
    return SUCCESS


@delete("/{feed:str}", status_code=200, scope=WRITE, summary="Unsubscribe from a feed", responses=writes(404))
async def remove_subscription(feed: FromPath[FeedText], library: CallersLibrary) -> dict[str, str]:
    await library.change(unsubscribe(FeedId.read(feed)))
    return SUCCESS


router = Router(
    "/subscriptions", route_handlers=[list_subscriptions, add_subscription, remove_subscription], tags=["Library"]
)
