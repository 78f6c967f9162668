"""What people want of collections, playlists and privacy, as edits (`balados_shared.edit`).

Law: of a list only what moved is changed (DESIGN.md section 3, `rank`), and what a new order does not name stays in
the list, behind what it stood behind: nobody takes out what they never saw.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from balados_shared.edit import Edit
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Collection, CollectionFeed, Playlist, PlaylistItem, Privacy, Value
from balados_shared.rank import rerank

ListItem = PlaylistItem | CollectionFeed
Item = TypeVar("Item", PlaylistItem, CollectionFeed)


def set_privacy(level: str, feed: FeedId | None = None, item: EpisodeId | None = None) -> Edit:
    """Say who may see everything, one feed, or one episode."""
    name = {"rss_source_feed": feed, "rss_source_item": item}
    return Edit(kind=Privacy.kind, name=name, sets={"privacy": level})


def put_collection(id: str, **said: Any) -> Edit:
    """Make a collection, or say something new of one. A field that is None stays as it was."""
    return Edit(kind=Collection.kind, name={"id": id}, sets=_said(said), present=True)


def put_playlist(id: str, **said: Any) -> Edit:
    """Make a playlist, or say something new of one. A field that is None stays as it was."""
    return Edit(kind=Playlist.kind, name={"id": id}, sets=_said(said), present=True)


def take_apart(of: Collection | Playlist, items: Iterable[ListItem]) -> list[Edit]:
    """Delete a list with its items, so that they are not back when a list of this name is made again."""
    return [*(take_out(item) for item in items), Edit(kind=of.kind, name={"id": of.id}, present=False)]


def put_feed(collection: str, feed: FeedId) -> Edit:
    """Want a feed in a collection; its place is said by `in_order` or `at_place`."""
    name = {"collection_id": collection, "rss_source_feed": feed}
    return Edit(kind=CollectionFeed.kind, name=name, present=True)


def put_episode(playlist: str, feed: FeedId, item: EpisodeId, **said: Any) -> Edit:
    """Want an episode in a playlist; its place is said by `in_order` or `at_place`."""
    name = {"playlist_id": playlist, "rss_source_feed": feed, "rss_source_item": item}
    return Edit(kind=PlaylistItem.kind, name=name, sets=_said(said), present=True)


def take_out(item: ListItem) -> Edit:
    """Take an item out of its list."""
    return Edit(kind=item.kind, name=_name(item), present=False)


def sorted_items(items: Iterable[Item]) -> list[Item]:
    """Return the items of a list in its order."""
    return sorted(items, key=lambda item: (item.rank, item.key))


def in_order(items: Sequence[ListItem], wanted: Sequence[Edit], device: str) -> list[Edit]:
    """Return the edits that bring a list into the wanted order. `items` are all that it holds now."""
    wishes = {wish.key: wish for wish in wanted}
    return _edits(items, wishes, _whole_order(_keys(items), list(wishes)), device)


def at_place(items: Sequence[ListItem], wanted: Edit, place: int | None, device: str) -> list[Edit]:
    """Return the edits that put one item at a place, counted from 0. None: at the end, or where it already is."""
    order = _keys(items)
    if place is not None and wanted.key in order:
        order.remove(wanted.key)
    if wanted.key not in order:
        order.insert(len(order) if place is None else min(place, len(order)), wanted.key)
    return _edits(items, {wanted.key: wanted}, order, device)


def _edits(items: Sequence[ListItem], wishes: Mapping[str, Edit], order: Sequence[str], device: str) -> list[Edit]:
    here = {item.key: item for item in items}
    ranks = rerank([(item.key, item.rank) for item in items], order, device)
    news = [wish for key, wish in wishes.items() if key not in ranks and _says_more(here.get(key), wish)]
    moved = [wishes.get(key) or Edit(kind=here[key].kind, name=_name(here[key])) for key in ranks]
    return [*news, *(replace(wish, sets={**wish.sets, "rank": ranks[wish.key]}) for wish in moved)]


def _whole_order(old: Sequence[str], named: Sequence[str]) -> list[str]:
    """Return the new order of all: what is not named follows what it followed."""
    followers: dict[str | None, list[str]] = {}
    leader: str | None = None
    wanted = set(named)
    for key in old:
        if key in wanted:
            leader = key
        else:
            followers.setdefault(leader, []).append(key)
    return [*followers.get(None, ()), *(key for name in named for key in (name, *followers.get(name, ())))]


def _keys(items: Iterable[ListItem]) -> list[str]:
    return [item.key for item in sorted(items, key=lambda item: (item.rank, item.key))]


def _says_more(item: Value | None, wish: Edit) -> bool:
    return item is None or any(getattr(item, field) != said for field, said in wish.sets.items())


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {field: said for field, said in fields.items() if said is not None}


def _name(value: Value) -> dict[str, Any]:
    return {field: getattr(value, field) for field in value.identity}
