"""Values as the documented REST answers show them (protocol sheet, section 3.4, "Object shapes").

Law: times drop a fraction of zero, as upstream never has one.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from balados_shared.ids import FeedId
from balados_shared.kinds import Collection, Like, Playlist, PlaylistItem, PlayStatus, Privacy, Subscription, Value
from balados_shared.times import Instant
from balados_shared.uuids import born
from balados_shared.wire import value_fields

SUCCESS = {"status": "success"}


def subscription_shape(subscription: Subscription, user_id: str) -> dict[str, Any]:
    """Return the documented `Sub`, plus what else we know."""
    return _row(subscription, user_id) | {
        "rss_source_id": subscription.rss_source_id or source_id(subscription.rss_source_feed),
        "rss_feed_title": subscription.title,
        "unsubscribed_at": subscription.unsubscribed_at and moment(subscription.unsubscribed_at),
        "inserted_at": moment(subscription.subscribed_at),
    }


def play_shape(status: PlayStatus, user_id: str, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return the documented `Play`, plus `duration` and `furthest`. Positions are seconds."""
    title = titles.get(status.rss_source_feed)
    return _row(status, user_id) | {"rss_feed_title": title, "rss_item_title": None, "rss_enclosure": None}


def like_shape(like: Like) -> dict[str, Any]:
    """Return a like as listed; the item is null for a liked feed. One that was taken back says since when."""
    gone = {} if like.present or like.unliked_at is None else {"unliked_at": moment(like.unliked_at)}
    return {
        "rss_source_feed": like.rss_source_feed,
        "rss_source_item": like.rss_source_item,
        "liked_at": moment(like.liked_at),
    } | gone


def privacy_shape(privacy: Privacy, user_id: str) -> dict[str, Any]:
    """Return who may see something: everything (no feed), a feed (no item), or an episode."""
    about = {"rss_source_feed": privacy.rss_source_feed, "rss_source_item": privacy.rss_source_item}
    return _row(privacy, user_id) | about


def collection_shape(collection: Collection, feeds: Sequence[Subscription], user_id: str) -> dict[str, Any]:
    """Return the documented `Coll`, plus its looks. `feeds` stand in its order."""
    return {
        "id": collection.id,
        "user_id": user_id,
        "title": collection.title,
        "description": collection.description,
        "color": collection.color,
        "is_default": collection.is_default,
        "is_public": collection.is_public,
        "feeds": [_collected_shape(feed) for feed in feeds],
        "inserted_at": moment(made_at(collection)),
        "updated_at": moment(collection.updated_at),
    }


def playlist_shape(playlist: Playlist, items: Sequence[PlaylistItem], user_id: str) -> dict[str, Any]:
    """Return a playlist with its items in order."""
    return {
        "id": playlist.id,
        "user_id": user_id,
        "name": playlist.name,
        "description": playlist.description,
        "type": playlist.type,
        "is_public": playlist.is_public,
        "items": [_item_shape(item, position) for position, item in enumerate(items)],
        "inserted_at": moment(playlist.created_at),
        "updated_at": moment(playlist.updated_at),
    }


def source_id(feed: FeedId) -> str:
    """Derive `rss_source_id` as upstream's pages do (protocol sheet, section 1.3)."""
    return sha256(feed.url.encode()).hexdigest()[:16]


def made_at(collection: Collection) -> Instant:
    """Return when a collection was made, as far as its id tells, else when it was last changed."""
    return born(collection.id) or collection.updated_at


def moment(instant: Instant) -> str:
    """Write a time."""
    return instant.write().replace(".000Z", "Z")


def _row(value: Value, user_id: str) -> dict[str, Any]:
    """Return the wire fields with the ids and date that upstream's rows carry."""
    dates = {name: moment(date) for name, date in value.dates.items()}
    owned = {"id": _row_id(value), "user_id": user_id, "updated_at": moment(value.time)}
    return value_fields(value) | dates | owned


def _row_id(value: Value) -> str:
    """Return an id for a row that needs none here; it only has to stay the same."""
    return str(uuid5(NAMESPACE_URL, f"balados:{value.kind}:{value.key}"))


def _collected_shape(feed: Subscription) -> dict[str, Any]:
    return {
        "id": _row_id(feed),
        "rss_source_feed": feed.rss_source_feed,
        "rss_feed_title": feed.title,
        "subscribed_at": moment(feed.subscribed_at),
    }


def _item_shape(item: PlaylistItem, position: int) -> dict[str, Any]:
    return {
        "id": _row_id(item),
        "rss_source_feed": item.rss_source_feed,
        "rss_source_item": item.rss_source_item,
        "item_title": item.item_title,
        "feed_title": item.feed_title,
        "position": position,
        "added_at": moment(item.added_at),
        "updated_at": moment(item.updated_at),
    }
