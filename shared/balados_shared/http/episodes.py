"""`/api/v1/episodes`: what to do with a single episode (protocol sheet, section 3.4).

Sharing one is the relay's alone: it is told to the public.
"""

from litestar import Router, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from balados_shared.http.access import CallersLibrary
from balados_shared.http.documented import FeedText, ItemText, writes
from balados_shared.http.naming import named_episode
from balados_shared.http.playlists import SAVED, put_in
from balados_shared.http.shapes import SUCCESS
from balados_shared.wishes import put_episode

WRITE = "user.plays.write"


class SaveBody(Struct):
    """The feed of the episode that the path names, unless the query says it."""

    feed: FeedText | None = None
    rss_source_feed: FeedText | None = None


@post("/{item:str}/save", status_code=200, scope=WRITE, summary="Save an episode", responses=writes(404))
async def save_episode(
    item: FromPath[ItemText],
    library: CallersLibrary,
    data: JSONBody[SaveBody | None] = None,
    feed: FromQuery[FeedText | None] = None,
) -> dict[str, str]:
    """Put the episode into the playlist `saved`. Saving it again changes nothing."""
    body = data or SaveBody()
    wish = put_episode(SAVED, *named_episode(library, body.feed or body.rss_source_feed or feed, item))
    await library.change_all(put_in(library, SAVED, wish))
    return SUCCESS


router = Router("/episodes", route_handlers=[save_episode], tags=["Library"])
