"""What a stock client is answered, in the dialect it asked in (protocol sheet, sections 4.1 to 4.3).

Positions are whole seconds here, because these clients keep integers; times drop a fraction of zero.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from balados_relay.sync.dialects import Dialect, PlayRow
from balados_shared.events import Verdict
from balados_shared.http.shapes import source_id
from balados_shared.kinds import Like, Playlist, PlaylistItem, PlayStatus, Subscription
from balados_shared.times import Instant

Shape = dict[str, Any]


class Conflict(Struct, frozen=True):
    """A position that was sent where another one stood."""

    sent: PlayRow
    stood: PlayStatus
    stands: PlayStatus


class Holdings(Struct, frozen=True, kw_only=True):
    """What a library holds of interest to a stock client: all of it, or what is new since its last sync."""

    is_full: bool
    subscriptions: Sequence[Subscription]
    plays: Sequence[PlayStatus]
    likes: Sequence[Like]
    playlists: Sequence[tuple[Playlist, Sequence[PlaylistItem]]]


def answer(
    dialect: Dialect, news: Holdings, stamp: int, conflicts: Sequence[Conflict], refused: Sequence[Verdict]
) -> Shape:
    """Return the body of an answer; an empty request is answered in both dialects at once."""
    body: Shape = {}
    if dialect != "flat":
        body |= {"sync_token": _time(stamp), "changes": _changes(news), "conflicts": [_conflict(c) for c in conflicts]}
    if dialect != "envelope":
        body |= _flat(news) | {"synced_at": _time(stamp)}
    return body | ({"verdicts": refused} if refused else {})


def _flat(news: Holdings) -> Shape:
    """Tombstones are always there: balados.app removes what it finds unsubscribed, and forgets the rest."""
    return {
        "subscriptions": [_subscription(subscription) for subscription in news.subscriptions],
        "play_statuses": [_play(play) for play in news.plays],
        "likes": [_like(like) for like in news.likes],
        "playlists": [_playlist(playlist, items) for playlist, items in news.playlists],
    }


def _changes(news: Holdings) -> Shape:
    """A full answer lists only what is there."""
    everything = not news.is_full
    return {
        "subscriptions": [_subscription(each) for each in news.subscriptions if everything or each.present],
        "plays": [_play(play) for play in news.plays],
        "playlists": [_playlist(each, items) for each, items in news.playlists if everything or each.present],
        "likes": [_like(like) for like in news.likes if everything or like.present],
    }


def _subscription(value: Subscription) -> Shape:
    return {
        "rss_source_feed": value.rss_source_feed,
        "rss_source_id": value.rss_source_id or source_id(value.rss_source_feed),
        "rss_feed_title": value.title,
        "subscribed_at": _time(value.subscribed_at),
        # balados.app takes any unsubscribed_at for gone, also one that is older than subscribed_at.
        "unsubscribed_at": None if value.present else _maybe(value.unsubscribed_at),
        "updated_at": _time(value.time),
    }


def _play(value: PlayStatus) -> Shape:
    return {
        "rss_source_feed": value.rss_source_feed,
        "rss_source_item": value.rss_source_item,
        "rss_feed_title": None,
        "rss_item_title": None,
        "rss_enclosure": None,
        "position": int(value.position),
        "duration": value.duration,
        "played": value.played,
        "updated_at": _time(value.updated_at),
    }


def _like(value: Like) -> Shape:
    return {
        "rss_source_feed": value.rss_source_feed,
        "rss_source_item": value.rss_source_item,
        "liked_at": _time(value.liked_at),
        **({} if value.present else {"unliked_at": _maybe(value.unliked_at)}),
    }


def _playlist(value: Playlist, items: Sequence[PlaylistItem]) -> Shape:
    return {
        "id": value.id,
        "name": value.name,
        "description": value.description,
        "type": value.type,
        "is_public": value.is_public,
        "deleted_at": _maybe(value.deleted_at),
        "updated_at": _time(value.updated_at),
        "items": [_item(item, place) for place, item in enumerate(items)],
    }


def _item(value: PlaylistItem, place: int) -> Shape:
    return {
        "rss_source_feed": value.rss_source_feed,
        "rss_source_item": value.rss_source_item,
        "item_title": value.item_title,
        "feed_title": value.feed_title,
        "position": place,
        "created_at": _time(value.added_at),
    }


def _conflict(conflict: Conflict) -> Shape:
    sent, stands = conflict.sent.value, conflict.stands
    won = (int(stands.position), stands.played) == (int(sent.position), sent.played)
    return {
        "type": "play_position",
        "rss_source_feed": sent.rss_source_feed,
        "rss_source_item": sent.rss_source_item,
        "local": _side(sent) | ({"reset": True} if conflict.sent.reset else {}),
        "remote": _side(conflict.stood),
        "resolution": "local_wins" if won else "remote_wins",
        "reason": _reason(conflict),
    }


def _side(value: PlayStatus) -> Shape:
    return {"position": int(value.position), "played": value.played, "updated_at": _time(value.updated_at)}


def _reason(conflict: Conflict) -> str:
    """Name what told the two apart, in upstream's words where they fit."""
    sent, stood = conflict.sent.value, conflict.stood
    if conflict.sent.reset:
        return "Local reset flag"
    if sent.played != stood.played:
        return "Local marked as played" if sent.played else "Remote marked as played"
    if conflict.stands.position == max(sent.position, stood.position):
        return "Higher local position" if sent.position > stood.position else "Higher remote position"
    return "Newer local position" if sent.updated_at > stood.updated_at else "Newer remote position"


def _time(moment: int) -> str:
    return Instant(moment).write().replace(".000Z", "Z")


def _maybe(moment: Instant | None) -> str | None:
    return _time(moment) if moment is not None else None
