"""`/api/v1/device/…`: what only a device has: its state, its queue, its log, its relay."""

from typing import Annotated, Any

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody
from msgspec import Meta, Struct

from balados_daemon.device import DeviceService, Followed
from balados_daemon.receiving import Received
from balados_daemon.status import Check, Status
from balados_daemon.storage.feeds import CachedEpisode
from balados_daemon.sync.pairing import JoinPlan
from balados_daemon.why import Cause
from balados_shared.http.documented import CodeText, reads, writes
from balados_shared.http.paging import LAST_ROW, row_number
from balados_shared.http.shapes import subscription_shape
from balados_shared.storage.log import Event
from balados_shared.storage.queue import Waiting


class PairBody(Struct):
    """A relay to join, with a code that it printed. `dry_run` only says what joining would do."""

    url: str
    code: CodeText
    dry_run: bool = False


class Paired(Struct):
    """Whose library was joined; in a dry run, what joining would do instead."""

    account: str | None = None
    plan: JoinPlan | None = None


class UndoBody(Struct):
    """An event of the log to undo; `force` does it also where it was edited since."""

    event: Annotated[int, Meta(ge=1, le=LAST_ROW)]
    force: bool = False


class EpisodeList(Struct):
    """A feed as it was last read."""

    rss_source_feed: str
    title: str | None
    trouble: str | None
    episodes: list[CachedEpisode]


class Why(Struct):
    """An episode, where it stands, and every change that led there."""

    rss_source_feed: str
    rss_source_item: str
    short: str
    title: str | None
    status: dict[str, Any] | None
    causes: list[Cause]
    relay_asked: bool
    """Whether the relay's log was asked too; without it, changes that lost there are missing."""


@get("/status", summary="How it stands", responses=reads())
async def show_status(device: NamedDependency[DeviceService]) -> Status:
    return device.status()


@post("/sync", status_code=200, summary="Sync now", responses=writes(409))
async def sync_now(device: NamedDependency[DeviceService]) -> Received:
    return await device.sync()


@post("/pair", status_code=200, summary="Join a relay", responses=writes(409))
async def pair(data: JSONBody[PairBody], device: NamedDependency[DeviceService]) -> Paired:
    if data.dry_run:
        return Paired(plan=await device.preview_pairing(data.url, data.code))
    return Paired(account=await device.pair(data.url, data.code))


@get("/queue", summary="List what waits for the relay", responses=reads())
async def list_queue(device: NamedDependency[DeviceService]) -> dict[str, list[Waiting]]:
    return {"queue": device.library.waiting()}


@post("/queue/retry", status_code=200, summary="Send again what the relay refused", responses=writes())
async def retry_queue(device: NamedDependency[DeviceService]) -> dict[str, int]:
    return {"retried": await device.library.retry()}


@get("/held", summary="List the removals that wait for a person", responses=reads())
async def list_held(device: NamedDependency[DeviceService]) -> dict[str, Any]:
    return {"held": [subscription_shape(each, device.library.user_id) for each in device.library.held()]}


@post("/held/keep", status_code=200, summary="Keep every subscription whose removal is held", responses=writes())
async def keep_held(device: NamedDependency[DeviceService]) -> dict[str, int]:
    return {"kept": await device.library.keep()}


@post("/held/let-go", status_code=200, summary="Accept every removal that is held", responses=writes())
async def let_go_held(device: NamedDependency[DeviceService]) -> dict[str, int]:
    return {"let_go": await device.library.let_go()}


@get("/events", summary="Read the log, of everything or of one record (kind/key)", responses=reads())
async def list_events(
    device: NamedDependency[DeviceService],
    record: FromQuery[str | None] = None,
    before: FromQuery[int | None] = None,
    limit: FromQuery[int] = 100,
) -> dict[str, list[Event]]:
    if record is not None:
        kind, _, key = record.partition("/")
        return {"events": device.library.events_of(kind, key)}
    before = None if before is None else row_number(before)
    return {"events": device.library.events(before=before, limit=min(max(limit, 1), 1_000))}


@get("/why", summary="Say why an episode stands where it does", responses=reads(404, 409))
async def why(episode: FromQuery[str], device: NamedDependency[DeviceService]) -> Why:
    found, status, causes, asked = await device.why(episode)
    return Why(found.feed, found.item, found.short, found.title, status, causes, asked)


@post("/undo", status_code=200, summary="Undo one event of the log", responses=writes(404, 422))
async def undo(data: JSONBody[UndoBody], device: NamedDependency[DeviceService]) -> dict[str, Any]:
    saved = await device.library.undo(data.event, force=data.force)
    return {"changed": saved is not None}


@get("/fingerprint", summary="Prove that two devices hold the same", responses=reads())
async def show_fingerprint(device: NamedDependency[DeviceService]) -> dict[str, str]:
    return {"fingerprint": await device.library.fingerprint()}


@get("/doctor", summary="Look at everything that can be wrong", responses=reads())
async def doctor(device: NamedDependency[DeviceService]) -> dict[str, list[Check]]:
    return {"checks": await device.examine()}


@get("/episodes", summary="List the episodes of a feed", responses=reads(502))
async def list_episodes(
    feed: FromQuery[str], device: NamedDependency[DeviceService], refresh: FromQuery[bool] = False
) -> EpisodeList:
    cached, episodes = await device.episodes(feed, refresh=refresh)
    return EpisodeList(cached.feed, cached.title, cached.trouble, episodes)


@get(
    "/subscriptions", summary="List what is subscribed to, with the titles that this device has read", responses=reads()
)
async def list_subscriptions(device: NamedDependency[DeviceService]) -> dict[str, list[Followed]]:
    return {"subscriptions": device.followed()}


@get("/episode", summary="Find an episode by the beginning of its short id", responses=reads(404, 409))
async def find_episode(name: FromQuery[str], device: NamedDependency[DeviceService]) -> dict[str, str | None]:
    found = await device.find_episode(name)
    named = {"rss_source_feed": found.feed, "rss_source_item": found.item}
    return {**named, "short": found.short, "title": found.title}


router = Router(
    "/device",
    route_handlers=[
        show_status,
        sync_now,
        pair,
        list_queue,
        retry_queue,
        list_held,
        keep_held,
        let_go_held,
        list_events,
        why,
        undo,
        show_fingerprint,
        doctor,
        list_episodes,
        list_subscriptions,
        find_episode,
    ],
    tags=["Device"],
)
