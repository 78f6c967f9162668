"""`/api/v1/public`: what everybody is shown (protocol sheet, sections 8.1 and 8.2), and how an episode gets there.

Law: nobody is named but by their user id in the timeline, where they are public; the `…_people` lists stay empty.
"""

from collections.abc import Collection
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from litestar import Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody

from balados_relay.accounts.callers import Caller
from balados_relay.accounts.service import Accounts
from balados_relay.api.callers import only_callers
from balados_relay.api.library import callers_library
from balados_relay.public.service import Popular, Public
from balados_relay.public.timeline import Event
from balados_relay.public.visibility import PUBLIC
from balados_shared import problems
from balados_shared.http.access import CallersLibrary
from balados_shared.http.documented import FeedText, ItemText, reads, writes
from balados_shared.http.episodes import WRITE, SaveBody
from balados_shared.http.naming import named_episode
from balados_shared.http.shapes import SUCCESS, moment
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.times import Instant

MAX_TRENDING, MAX_TIMELINE = 100, 100

ThePublic = NamedDependency[Public]


@get("/trending/podcasts", summary="List the podcasts that trend", responses=reads(429))
async def trending_podcasts(public: ThePublic, limit: FromQuery[int] = 20) -> dict[str, Any]:
    seen = await public.look()
    found = seen.podcasts(_within(limit, MAX_TRENDING)) if seen else []
    return {"podcasts": [_podcast(each) for each in found], "updated_at": seen and moment(Instant(seen.at))}


@get("/trending/episodes", summary="List the episodes that trend", responses=reads(429))
async def trending_episodes(
    public: ThePublic, limit: FromQuery[int] = 20, feed: FromQuery[FeedText | None] = None
) -> dict[str, Any]:
    of = FeedId.read(feed) if feed else None
    seen = await public.look()
    found = seen.episodes(_within(limit, MAX_TRENDING), of) if seen else []
    return {"episodes": [_episode(each) for each in found], "updated_at": seen and moment(Instant(seen.at))}


@get("/feed/{feed:str}/popularity", summary="Show how popular a podcast is", responses=reads(404, 429))
async def feed_popularity(public: ThePublic, feed: FromPath[FeedText]) -> dict[str, Any]:
    wanted = FeedId.read(feed)
    seen = await public.look()
    found = seen.podcast(wanted) if seen else None
    if found is None:
        raise problems.not_found("Podcast not found")
    return {"podcast": _podcast(found)}


@get("/episode/{item:str}/popularity", summary="Show how popular an episode is", responses=reads(404, 429))
async def episode_popularity(public: ThePublic, item: FromPath[ItemText]) -> dict[str, Any]:
    wanted = EpisodeId.read(item)
    seen = await public.look()
    found = seen.episode(wanted) if seen else None
    if found is None:
        raise problems.not_found("Episode not found")
    return {"episode": _episode(found)}


@get("/timeline", summary="List what people did of late", responses=reads(429))
async def timeline(
    public: ThePublic,
    limit: FromQuery[int] = 50,
    offset: FromQuery[int] = 0,
    event_type: FromQuery[str | None] = None,
    feed: FromQuery[FeedText | None] = None,
    user_id: FromQuery[str | None] = None,
) -> dict[str, Any]:
    of = FeedId.read(feed) if feed else None
    limit, offset = _within(limit, MAX_TIMELINE), max(offset, 0)
    seen = await public.look()
    found = [
        event
        for event in (seen.events if seen else [])
        if event_type in (None, event.what)
        and of in (None, event.feed)
        and (user_id is None or (event.level == PUBLIC and event.user_id == user_id))
    ]
    page = found[offset : offset + limit]
    return {"events": [_event(event) for event in page], "pagination": {"limit": limit, "offset": offset}}


@post("/{item:str}/share", status_code=200, scope=WRITE, summary="Share an episode", responses=writes(404, 429))
async def share_episode(
    item: FromPath[ItemText],
    library: CallersLibrary,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[Accounts],
    public: ThePublic,
    data: JSONBody[SaveBody | None] = None,
    feed: FromQuery[FeedText | None] = None,
) -> dict[str, str]:
    """Let an episode's popularity grow. Sharing it again changes nothing."""
    body = data or SaveBody()
    named = named_episode(library, body.feed or body.rss_source_feed or feed, item)
    accounts.claim_once(caller)
    await public.share(caller.account, *named)
    return SUCCESS


def _podcast(popular: Popular) -> dict[str, Any]:
    """Return the documented `PodPop`, and beside it the names that balados.app reads."""
    told = popular.told
    return _counts(popular) | {
        "rss_source_feed": popular.feed,
        "feed_title": told.title,
        "feed_author": None,
        "feed_description": None,
        "feed_cover": told.image,
        "feed_url": popular.feed.url,
        "title": told.title,
        "subscriber_count": popular.count.now["subscribe"],
    }


def _episode(popular: Popular) -> dict[str, Any]:
    """Return the documented `EpPop`. What an episode is called, the relay does not know."""
    unknown: Collection[str] = ("title", "author", "description", "link")
    return _counts(popular) | {
        "rss_source_feed": popular.feed,
        "rss_source_item": popular.item,
        "podcast_title": popular.told.title,
        "episode_cover": popular.told.image,
        **{f"episode_{name}": None for name in unknown},
    }


def _counts(popular: Popular) -> dict[str, Any]:
    count = popular.count
    return {
        "score": count.score,
        "score_previous": count.score_previous,
        "plays": count.now["play"],
        "plays_previous": count.before["play"],
        "plays_people": [],
        "likes": count.now["like"],
        "likes_previous": count.before["like"],
        "likes_people": [],
        "inserted_at": moment(Instant(count.first)),
        "updated_at": moment(Instant(count.last)),
    }


def _event(event: Event) -> dict[str, Any]:
    when = moment(Instant(event.time))
    return {
        "id": str(uuid5(NAMESPACE_URL, f"balados:event:{event.number}")),
        "user_id": event.user_id,
        "event_type": event.what,
        "rss_source_feed": event.feed,
        "rss_source_item": event.item,
        "privacy": event.level,
        "event_data": event.data or {},
        "event_timestamp": when,
        "inserted_at": when,
    }


def _within(limit: int, most: int) -> int:
    return min(max(limit, 0), most)


router = Router(
    "/public",
    route_handlers=[trending_podcasts, trending_episodes, feed_popularity, episode_popularity, timeline],
    opt={"bucket": "public"},
    tags=["Public"],
)

share_router = Router(
    "/episodes",
    route_handlers=[share_episode],
    guards=[only_callers],
    dependencies={"library": Provide(callers_library)},
    security=[{"device": []}],
    tags=["Library"],
)
