"""The kinds of records, one frozen Struct each: their wire fields, their key and parent, and what dates them.

Field names are the documented wire names (DESIGN.md section 3). Every value is complete in itself: it says what it is
about (the key) and carries along, in `extra`, the fields that this version does not know.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct, structs

from balados_shared.errors import InvalidInput
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.times import Instant

# `$` alone would let a final newline through.
Name = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
"""A short piece of text that names something, without control characters."""

Text = Annotated[str, Meta(max_length=20_000)]
Seconds = Annotated[float, Meta(ge=0, le=10_000_000)]
Rank = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[0-9A-Za-z._~-]+$(?!\n)")]
PrivacyLevel = Literal["public", "anonymous", "private"]

RULES = Literal["hybrid", "latest", "union"]


class Value(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one head of a record says. Subclasses are the kinds.

    The class variables tell the general code about a kind: `identity` names the fields that make the key, `stamp` the
    field that every edit dates, `added` and `removed` the dates of coming and going, `rule` how concurrent heads are
    settled.
    """

    kind: ClassVar[str]
    plural: ClassVar[str]
    """Name of the list of such records in sync messages."""
    identity: ClassVar[tuple[str, ...]]
    rule: ClassVar[RULES] = "latest"
    stamp: ClassVar[str | None] = "updated_at"
    added: ClassVar[str | None] = None
    removed: ClassVar[str | None] = None

    purged: bool = False
    """Only a stub is left: key and dates (DESIGN.md section 3, deletions)."""
    extra: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """What names the record within its kind."""
        return "/".join([_part(getattr(self, name)) for name in self.identity])

    @property
    def dates(self) -> dict[str, Instant]:
        """All dates that edits set, by field name; those that are unset are left out."""
        named = ((name, getattr(self, name)) for name in (self.stamp, self.added, self.removed) if name)
        return {name: date for name, date in named if date is not None}

    @property
    def newest_date(self) -> Instant:
        """The latest of its dates."""
        return max(self.dates.values()) if self.added or self.removed else self.time

    @property
    def time(self) -> Instant:
        """When it was said: what `latest` compares."""
        return getattr(self, self.stamp) if self.stamp else max(self.dates.values())

    @property
    def present(self) -> bool:
        """False for what was unsubscribed, unliked, removed or deleted."""
        gone = getattr(self, self.removed) if self.removed else None
        if gone is None:
            return True
        return self.stamp is None and getattr(self, self.added or "", -1) >= gone

    @property
    def tie(self) -> int:
        """The higher wins between equal times, before the device id decides."""
        return 0


class Subscription(Value, frozen=True, kw_only=True):
    """A feed somebody follows, or followed."""

    kind = "subscription"
    plural = "subscriptions"
    identity = ("rss_source_feed",)
    stamp = None
    added = "subscribed_at"
    removed = "unsubscribed_at"

    rss_source_feed: FeedId
    rss_source_id: Text | None = None
    subscribed_at: Instant
    unsubscribed_at: Instant | None = None
    title: Text | None = None
    image: Text | None = None

    @property
    def tie(self) -> int:
        return int(self.present)


class PlayStatus(Value, frozen=True, kw_only=True):
    """How far somebody is in an episode: where to continue (`position`), and the farthest ever heard (`furthest`)."""

    kind = "play_status"
    plural = "play_statuses"
    identity = ("rss_source_feed", "rss_source_item")
    rule = "hybrid"

    rss_source_feed: FeedId
    rss_source_item: EpisodeId
    position: Seconds
    duration: Seconds | None = None
    furthest: Seconds = -1.0
    """Never below `position`; what comes without it is taken to have got exactly that far."""
    played: bool
    updated_at: Instant

    def __post_init__(self) -> None:
        structs.force_setattr(self, "furthest", max(self.furthest, self.position))


class Like(Value, frozen=True, kw_only=True):
    """A feed or an episode that somebody likes."""

    kind = "like"
    plural = "likes"
    identity = ("rss_source_feed", "rss_source_item")
    stamp = None
    added = "liked_at"
    removed = "unliked_at"

    rss_source_feed: FeedId
    rss_source_item: EpisodeId | None = None
    liked_at: Instant
    unliked_at: Instant | None = None

    @property
    def tie(self) -> int:
        return int(self.present)


class Playlist(Value, frozen=True, kw_only=True):
    """A named list. The play queue is the one whose id is `queue`."""

    kind = "playlist"
    plural = "playlists"
    identity = ("id",)
    added = "created_at"
    removed = "deleted_at"

    id: Name
    name: Text
    description: Text | None = None
    type: Literal["playlist", "queue"] = "playlist"
    is_public: bool = False
    created_at: Instant
    updated_at: Instant
    deleted_at: Instant | None = None


class PlaylistItem(Value, frozen=True, kw_only=True):
    """An episode in a playlist."""

    kind = "playlist_item"
    plural = "playlist_items"
    identity = ("playlist_id", "rss_source_feed", "rss_source_item")
    added = "added_at"
    removed = "removed_at"

    playlist_id: Name
    rss_source_feed: FeedId
    rss_source_item: EpisodeId
    rank: Rank
    item_title: Text | None = None
    feed_title: Text | None = None
    added_at: Instant
    removed_at: Instant | None = None
    updated_at: Instant


class Collection(Value, frozen=True, kw_only=True):
    """A named group of feeds."""

    kind = "collection"
    plural = "collections"
    identity = ("id",)
    removed = "deleted_at"

    id: Name
    title: Text
    description: Text | None = None
    color: Text | None = None
    is_default: bool = False
    is_public: bool = False
    updated_at: Instant
    deleted_at: Instant | None = None


class CollectionFeed(Value, frozen=True, kw_only=True):
    """A feed in a collection."""

    kind = "collection_feed"
    plural = "collection_feeds"
    identity = ("collection_id", "rss_source_feed")
    added = "added_at"
    removed = "removed_at"

    collection_id: Name
    rss_source_feed: FeedId
    rank: Rank
    added_at: Instant
    removed_at: Instant | None = None
    updated_at: Instant


class Privacy(Value, frozen=True, kw_only=True):
    """Who may see it: everything (no feed), one feed, or one episode."""

    kind = "privacy"
    plural = "privacy_settings"
    identity = ("rss_source_feed", "rss_source_item")

    rss_source_feed: FeedId | None = None
    rss_source_item: EpisodeId | None = None
    privacy: PrivacyLevel
    updated_at: Instant

    @property
    def tie(self) -> int:
        return ("public", "anonymous", "private").index(self.privacy)


class Preference(Value, frozen=True, kw_only=True):
    """A setting that follows the person: for everything (no feed) or for one feed."""

    kind = "preference"
    plural = "preferences"
    identity = ("rss_source_feed", "name")

    rss_source_feed: FeedId | None = None
    name: Name
    value: Any = None
    """Any JSON; null is as good as none at all, as everywhere on the wire."""
    updated_at: Instant


class Alias(Value, frozen=True, kw_only=True):
    """Two ids of one feed that are one episode: `rss_source_item` is the same as `same_as`."""

    kind = "alias"
    plural = "aliases"
    identity = ("rss_source_feed", "rss_source_item")

    rss_source_feed: FeedId
    rss_source_item: EpisodeId
    same_as: EpisodeId
    updated_at: Instant


class FeedMove(Value, frozen=True, kw_only=True):
    """A feed that lives at another address now."""

    kind = "feed_move"
    plural = "feed_moves"
    identity = ("rss_source_feed",)

    rss_source_feed: FeedId
    moved_to: FeedId
    updated_at: Instant


class Listen(Value, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One stretch of listening on one device. It never changes. `from` and `to` are seconds into the episode."""

    kind = "listen"
    plural = "listens"
    identity = ("rss_source_feed", "rss_source_item", "device_id", "started_at")
    rule = "union"
    stamp = "ended_at"

    rss_source_feed: FeedId
    rss_source_item: EpisodeId
    device_id: Name
    started_at: Instant
    ended_at: Instant
    from_: Seconds
    to: Seconds
    speed: Annotated[float, Meta(gt=0, le=100)]


ALL: tuple[type[Value], ...] = (
    Subscription,
    PlayStatus,
    Like,
    Playlist,
    PlaylistItem,
    Collection,
    CollectionFeed,
    Privacy,
    Preference,
    Alias,
    FeedMove,
    Listen,
)


def key_of(kind: type[Value], name: Mapping[str, Any]) -> str:
    """Return the key that identity fields make. It begins with the key of its parent (feed, episode, playlist)."""
    return "/".join([_part(name.get(field)) for field in kind.identity])


def _part(field: str | Instant | None) -> str:
    """Write one part of a key without a slash, so that parts joined by one stay apart."""
    if isinstance(field, FeedId | EpisodeId):
        return field  # base64url has none
    if isinstance(field, Instant):
        return str(int(field))
    return field.replace("%", "%25").replace("/", "%2F") if field else ""


BY_KIND: dict[str, type[Value]] = {kind.kind: kind for kind in ALL}
BY_PLURAL: dict[str, type[Value]] = {kind.plural: kind for kind in ALL}


def kind_named(name: str) -> type[Value]:
    """Return the kind, or raise InvalidInput for one that this version does not know."""
    try:
        return BY_KIND[name]
    except KeyError:
        raise InvalidInput("this version does not know that kind of record") from None
