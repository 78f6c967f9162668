"""`/api/v1/playlists`: lists of episodes in an order. Upstream has no such routes; these are for our own players.

Law: a route that changes an order changes only what moved, in one transaction; the play queue and what was saved are
playlists like any other, which are made when something is first put into them.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Router, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from balados_shared import problems
from balados_shared.edit import Edit
from balados_shared.http.access import CallersLibrary, LibraryAccess
from balados_shared.http.documented import FeedText, ItemText, reads, writes
from balados_shared.http.shapes import SUCCESS, playlist_shape
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Playlist, PlaylistItem, key_of
from balados_shared.problems import Problem
from balados_shared.wishes import at_place, in_order, put_episode, put_playlist, sorted_items, take_apart, take_out

READ, WRITE = "user.playlists.read", "user.playlists.write"

MAX_ITEMS = 5_000

SAVED = "saved"

_BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "queue": {"name": "Queue", "type": "queue"},
    SAVED: {"name": "Saved"},
}
"""The playlists whose ids mean something (DESIGN.md section 3)."""

PlaylistId = Annotated[str, Meta(description="The id of a playlist; the play queue is `queue`.", examples=["queue"])]


class PlaylistBody(Struct):
    """A playlist to make, or what to say anew of one; what is left out stays as it was."""

    name: Annotated[str, Meta(description="What it is called; not blank.", examples=["On the train"])] | None = None
    description: str | None = None
    is_public: bool | None = None


class ItemBody(Struct):
    """An episode for a playlist."""

    rss_source_feed: FeedText | None = None
    rss_source_item: ItemText | None = None
    item_title: str | None = None
    feed_title: str | None = None


class PlacedItemBody(ItemBody):
    """An episode for a place in a playlist."""

    position: (
        Annotated[int, Meta(ge=0, description="Where it goes, from 0; without, at the end, or where it already is.")]
        | None
    ) = None


class ItemsBody(Struct):
    """Episodes in the order that a playlist shall have, and such as shall leave it."""

    items: Annotated[list[ItemBody], Meta(max_length=MAX_ITEMS)]
    removed: Annotated[list[ItemBody], Meta(max_length=MAX_ITEMS)] = []


@get("/", scope=READ, summary="List playlists with their items, the oldest first", responses=reads())
async def list_playlists(library: CallersLibrary) -> dict[str, Any]:
    playlists = sorted(library.values(Playlist), key=lambda playlist: (playlist.created_at, playlist.id))
    return {"playlists": [_shape(library, playlist) for playlist in playlists]}


@get("/{playlist:str}", scope=READ, summary="Show a playlist with its items in order", responses=reads(404))
async def show_playlist(playlist: FromPath[PlaylistId], library: CallersLibrary) -> dict[str, Any]:
    return _answer(library, playlist)


@post("/", scope=WRITE, summary="Make a playlist", responses=writes(422))
async def make_playlist(data: JSONBody[PlaylistBody], library: CallersLibrary) -> dict[str, Any]:
    if data.name is None:
        raise problems.bad_request("Missing required parameters: name")
    name = library.new_id()
    await library.change(put_playlist(name, **_looks(data)))
    return _answer(library, name)


@patch("/{playlist:str}", scope=WRITE, summary="Change what a playlist is called", responses=writes(404, 422))
async def change_playlist(
    playlist: FromPath[PlaylistId], data: JSONBody[PlaylistBody], library: CallersLibrary
) -> dict[str, Any]:
    found = _find(library, playlist)
    looks = _looks(data)
    if all(said is None for said in looks.values()):
        raise Problem(422, "no_changes", "Say what shall change")
    await library.change(put_playlist(found.id, **looks))
    return _answer(library, playlist)


@delete("/{playlist:str}", status_code=200, scope=WRITE, summary="Delete a playlist", responses=writes(404))
async def delete_playlist(playlist: FromPath[PlaylistId], library: CallersLibrary) -> dict[str, str]:
    found = _find(library, playlist)
    await library.change_all(take_apart(found, _items(library, found.id)))
    return SUCCESS


@put("/{playlist:str}/items", scope=WRITE, summary="Order the items of a playlist", responses=writes(404))
async def order_items(
    playlist: FromPath[PlaylistId], data: JSONBody[ItemsBody], library: CallersLibrary
) -> dict[str, Any]:
    """Add the named items, bring them into this order, and take out those in `removed`, all in one step.

    An item that is not named at all stays, behind what it followed: the player that sends the order may not have seen
    what another has added.
    """
    made = _made(library, playlist)
    items = _items(library, playlist)
    wanted = [_wish(playlist, item) for item in data.items]
    leaving = {_wish(playlist, item).key for item in data.removed} - {wish.key for wish in wanted}
    stays = [item for item in items if item.key not in leaving]
    gone = [take_out(item) for item in items if item.key in leaving]
    await library.change_all([*made, *gone, *in_order(stays, wanted, library.author)])
    return _answer(library, playlist)


@post(
    "/{playlist:str}/items",
    status_code=200,
    scope=WRITE,
    summary="Put an episode into a playlist",
    responses=writes(404),
)
async def add_item(
    playlist: FromPath[PlaylistId], data: JSONBody[PlacedItemBody], library: CallersLibrary
) -> dict[str, Any]:
    await library.change_all(put_in(library, playlist, _wish(playlist, data), data.position))
    return _answer(library, playlist)


@delete(
    "/{playlist:str}/items/{feed:str}/{item:str}",
    status_code=200,
    scope=WRITE,
    summary="Take an episode out of a playlist",
    responses=writes(404),
)
async def remove_item(
    playlist: FromPath[PlaylistId], feed: FromPath[FeedText], item: FromPath[ItemText], library: CallersLibrary
) -> dict[str, str]:
    found = _find(library, playlist)
    named = FeedId.read(feed)
    await library.change(_leave(put_episode(found.id, named, EpisodeId.read(item, named))))
    return SUCCESS


def put_in(library: LibraryAccess, playlist: str, wish: Edit, place: int | None = None) -> list[Edit]:
    """Return the edits that put an episode into a playlist. Raises Problem 404 when there is none of that name."""
    return [*_made(library, playlist), *at_place(_items(library, playlist), wish, place, library.author)]


def _find(library: LibraryAccess, name: str) -> Playlist:
    found = library.value(Playlist, key_of(Playlist, {"id": name}))
    if found is None or not found.present:
        raise problems.not_found("There is no such playlist")
    return found


def _made(library: LibraryAccess, name: str) -> list[Edit]:
    """Return what it takes for a playlist to be there: nothing, or the making of a built-in one."""
    try:
        _find(library, name)
    except Problem:
        if name not in _BUILT_IN:
            raise
        return [put_playlist(name, **_BUILT_IN[name])]
    return []


def _items(library: LibraryAccess, name: str) -> list[PlaylistItem]:
    return sorted_items(library.values(PlaylistItem, key_of(Playlist, {"id": name})))


def _shape(library: LibraryAccess, playlist: Playlist) -> dict[str, Any]:
    return playlist_shape(playlist, _items(library, playlist.id), library.user_id)


def _answer(library: LibraryAccess, name: str) -> dict[str, Any]:
    return {"playlist": _shape(library, _find(library, name))}


def _wish(playlist: str, item: ItemBody) -> Edit:
    if not item.rss_source_feed or not item.rss_source_item:
        raise problems.bad_request("Missing required parameters: rss_source_feed, rss_source_item")
    feed = FeedId.read(item.rss_source_feed)
    episode = EpisodeId.read(item.rss_source_item, feed)
    return put_episode(playlist, feed, episode, item_title=item.item_title, feed_title=item.feed_title)


def _leave(wish: Edit) -> Edit:
    return Edit(kind=wish.kind, name=wish.name, present=False)


def _looks(data: PlaylistBody) -> dict[str, Any]:
    if data.name is not None and not data.name.strip():
        raise Problem(422, "name_required", "A playlist needs a name")
    return {name: getattr(data, name) for name in ("name", "description", "is_public")}


router = Router(
    "/playlists",
    route_handlers=[
        list_playlists,
        show_playlist,
        make_playlist,
        change_playlist,
        delete_playlist,
        order_items,
        add_item,
        remove_item,
    ],
    tags=["Library"],
)
