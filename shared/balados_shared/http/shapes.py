"""Values as the documented REST answers show them (protocol sheet, section 3.4, "Object shapes")."""

from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from balados_shared.ids import FeedId
from balados_shared.kinds import Like, PlayStatus, Subscription, Value
from balados_shared.wire import value_fields

SUCCESS = {"status": "success"}


def subscription_shape(subscription: Subscription) -> dict[str, Any]:
    """Return the documented `Sub`, plus what else we know."""
    return _row(subscription) | {
        "rss_source_id": subscription.rss_source_id or source_id(subscription.rss_source_feed),
        "rss_feed_title": subscription.title,
        "unsubscribed_at": subscription.unsubscribed_at and subscription.unsubscribed_at.write(),
        "inserted_at": subscription.subscribed_at.write(),
    }


def play_shape(status: PlayStatus) -> dict[str, Any]:
    """Return the documented `Play`, plus `duration` and `furthest`. Positions are seconds."""
    return _row(status) | {"rss_feed_title": None, "rss_item_title": None, "rss_enclosure": None}


def like_shape(like: Like) -> dict[str, Any]:
    """Return a like as listed; the item is null for a liked feed."""
    return {
        "rss_source_feed": like.rss_source_feed,
        "rss_source_item": like.rss_source_item,
        "liked_at": like.liked_at.write(),
    }


def source_id(feed: FeedId) -> str:
    """Derive `rss_source_id` as upstream's pages do (protocol sheet, section 1.3)."""
    return sha256(feed.url.encode()).hexdigest()[:16]


def _row(value: Value) -> dict[str, Any]:
    """Return the wire fields with the id and date that upstream's rows carry; the id only has to stay the same."""
    row_id = uuid5(NAMESPACE_URL, f"balados:{value.kind}:{value.key}")
    return {"id": str(row_id)} | value_fields(value) | {"updated_at": value.time.write()}
