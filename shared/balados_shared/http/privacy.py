"""`/api/v1/privacy`: who may see what somebody listens to (protocol sheet, sections 3.4 and 8.3)."""

from typing import Any, get_args

from litestar import Router, get, put
from litestar.params import FromQuery, JSONBody
from msgspec import Struct

from balados_shared import problems
from balados_shared.http.access import CallersLibrary, LibraryAccess
from balados_shared.http.documented import FeedText, ItemText, reads, writes
from balados_shared.http.naming import named_episode
from balados_shared.http.shapes import SUCCESS, privacy_shape
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Privacy, PrivacyLevel
from balados_shared.problems import Problem
from balados_shared.wishes import set_privacy

READ, WRITE = "user.privacy.read", "user.privacy.write"

LEVELS = get_args(PrivacyLevel)


class PrivacyBody(Struct):
    """A level (public, anonymous or private), and what it is for: a feed, one of its episodes, or everything."""

    privacy: str | None = None
    feed: FeedText | None = None
    item: ItemText | None = None


@get("/", scope=READ, summary="List who may see what", responses=reads())
async def list_privacy(
    library: CallersLibrary, feed: FromQuery[FeedText | None] = None, item: FromQuery[ItemText | None] = None
) -> dict[str, Any]:
    of_feed = FeedId.read(feed) if feed else None
    of_item = EpisodeId.read(item, of_feed) if item else None
    found = [
        setting
        for setting in library.values(Privacy)
        if of_feed in (None, setting.rss_source_feed) and of_item in (None, setting.rss_source_item)
    ]
    return {"privacy_settings": [privacy_shape(setting, library.user_id) for setting in found]}


@put("/", scope=WRITE, summary="Say who may see everything, a feed, or an episode", responses=writes(404, 422))
async def change_privacy(
    data: JSONBody[PrivacyBody],
    library: CallersLibrary,
    feed: FromQuery[FeedText | None] = None,
    item: FromQuery[ItemText | None] = None,
) -> dict[str, str]:
    if data.privacy is None:
        raise problems.bad_request("Missing required parameters: privacy")
    if data.privacy not in LEVELS:
        raise Problem(422, "VALIDATION_ERROR", f"privacy: must be {', '.join(LEVELS[:-1])} or {LEVELS[-1]}")
    await library.change(set_privacy(data.privacy, *_about(library, data.feed or feed, data.item or item)))
    return SUCCESS


def _about(library: LibraryAccess, feed: str | None, item: str | None) -> tuple[FeedId | None, EpisodeId | None]:
    if item:
        return named_episode(library, feed, item)
    return (FeedId.read(feed) if feed else None), None


router = Router("/privacy", route_handlers=[list_privacy, change_privacy], tags=["Library"])
