"""The two documented dialects of `POST /api/v1/sync`: what a stock client sends, as values (protocol sheet, section 4).

`flat` is balados.app's (`since`, lists at the top), `envelope` the upstream server's (`last_sync`, `changes`). Law: one
row that cannot be read gets a verdict, and the rest goes on; a time that cannot be read is as good as none.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from msgspec import Struct

from balados_shared.errors import InvalidInput
from balados_shared.events import Verdict
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Like, Playlist, PlayStatus, Subscription, Value
from balados_shared.times import Instant
from balados_shared.wire import decode_value

Dialect = Literal["flat", "envelope", "both"]
Fields = Mapping[str, Any]

_FLAT = ("since", "subscriptions", "play_statuses", "likes", "playlists")
_IGNORED = ("likes", "playlists")
"""Lists that upstream passes over when they are none."""

_NEVER = Instant(0)

R = TypeVar("R")


class PlayRow(Struct, frozen=True):
    """Where a client says an episode stands. `reset`: it means that, whatever was known before."""

    value: PlayStatus
    reset: bool = False


class ItemRow(Struct, frozen=True):
    """An episode in a list, as a client sends it."""

    feed: FeedId
    item: EpisodeId
    item_title: str | None
    feed_title: str | None
    removed_at: Instant | None


class PlaylistRow(Struct, frozen=True):
    """A playlist with its items in order."""

    playlist: Playlist
    items: tuple[ItemRow, ...]


class Upload(Struct, frozen=True, kw_only=True):
    """What a stock client sent. `since` is None when it wants everything."""

    dialect: Dialect
    since: Instant | None
    subscriptions: Sequence[Subscription]
    plays: Sequence[PlayRow]
    likes: Sequence[Like]
    playlists: Sequence[PlaylistRow]
    refused: Sequence[Verdict]


def dialect_of(fields: Fields) -> Dialect:
    """Return which dialect a body is in (protocol sheet, section 4.3)."""
    if "changes" in fields or "last_sync" in fields:
        return "envelope"
    return "flat" if any(name in fields for name in _FLAT) else "both"


def read_upload(fields: Fields, feed_of: Callable[[EpisodeId], FeedId | None], now: int) -> Upload:
    """Read a body. `feed_of` finds the feed of an episode that comes without one. Raises InvalidInput."""
    dialect = dialect_of(fields)
    lists = _changes(fields) if dialect == "envelope" else fields
    plays = "plays" if dialect == "envelope" and lists.get("plays") is not None else "play_statuses"
    rows = _Rows(lists)
    return Upload(
        dialect=dialect,
        since=_time(fields.get("last_sync" if dialect == "envelope" else "since")),
        subscriptions=_last(rows.read("subscriptions", Subscription, _subscription), lambda row: row.key),
        plays=_last(rows.read(plays, PlayStatus, lambda row: _play(row, feed_of)), lambda row: row.value.key),
        likes=_first(rows.read("likes", Like, lambda row: _like(row, now)), lambda row: row.key),
        playlists=_last(rows.read("playlists", Playlist, lambda row: _playlist(row, now)), lambda row: row.playlist.id),
        refused=rows.refused,
    )


class _Rows:
    """The lists of a body, read row by row."""

    def __init__(self, lists: Fields) -> None:
        self._lists = lists
        self.refused: list[Verdict] = []

    def read(self, name: str, kind: type[Value], read: Callable[[Fields], R]) -> list[R]:
        """Read one list; what cannot be read is named by its place."""
        rows = self._lists.get(name) or []
        if not isinstance(rows, list) and name in _IGNORED:
            return []
        if not isinstance(rows, list):
            raise InvalidInput(f"{name} must be a list")
        found: list[R] = []
        for index, row in enumerate(rows):
            try:
                found.append(read(_object(row)))
            except InvalidInput as error:
                place, reason = f"{name}[{index}]", str(error)
                refusal = Verdict(kind=kind.kind, key="", outcome="refused", rule="invalid", reason=reason, place=place)
                self.refused.append(refusal)
        return found


def _changes(fields: Fields) -> Fields:
    return _object(fields.get("changes") or {})


def _object(fields: Any) -> Fields:
    if not isinstance(fields, dict):
        raise InvalidInput("must be a JSON object")
    return fields


def _subscription(row: Fields) -> Subscription:
    came, went = _coming_and_going(row, "subscribed_at", "unsubscribed_at", missing=_NEVER)
    fields = {"rss_source_feed": row.get("rss_source_feed"), "rss_source_id": row.get("rss_source_id")}
    return _value(Subscription, {**fields, "subscribed_at": came, "unsubscribed_at": went})


def _play(row: Fields, feed_of: Callable[[EpisodeId], FeedId | None]) -> PlayRow:
    feed = FeedId.read(row["rss_source_feed"]) if row.get("rss_source_feed") else None
    item = EpisodeId.read(row.get("rss_source_item"), feed)
    feed = feed or feed_of(item)
    if feed is None:
        raise InvalidInput("rss_source_feed is missing, and nothing is known of this episode yet")
    fields = {name: row[name] for name in ("position", "played", "duration") if row.get(name) is not None}
    named = {"rss_source_feed": feed, "rss_source_item": item, "updated_at": _time(row.get("updated_at")) or _NEVER}
    value = _value(PlayStatus, {"position": 0, "played": False, **fields, **named})
    return PlayRow(value, row.get("reset") is True)


def _like(row: Fields, now: int) -> Like:
    came, went = _coming_and_going(row, "liked_at", "unliked_at", missing=Instant(now))
    feed = FeedId.read(row.get("rss_source_feed"))
    item = EpisodeId.read(row["rss_source_item"], feed) if row.get("rss_source_item") else None
    return Like(rss_source_feed=feed, rss_source_item=item, liked_at=came, unliked_at=went)


def _coming_and_going(row: Fields, came: str, went: str, *, missing: Instant) -> tuple[Instant, Instant | None]:
    """Read two dates, of which either may be missing. What only went had come before."""
    gone = _time(row.get(went))
    there = _time(row.get(came))
    if there is None:
        there = missing if gone is None else Instant(max(gone - 1, 0))
    return there, gone


def _playlist(row: Fields, now: int) -> PlaylistRow:
    changed = _time(row.get("updated_at")) or Instant(now)
    names = ("id", "name", "description", "type", "is_public")
    fields = {name: row[name] for name in names if row.get(name) is not None}
    dates = {"created_at": changed, "updated_at": changed, "deleted_at": _time(row.get("deleted_at"))}
    playlist = _value(Playlist, {"name": "Playlist", **fields, **dates})
    items = row.get("items") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidInput("items must be a list of JSON objects")
    places = [item.get("position") for item in items]
    order = sorted(range(len(items)), key=lambda at: (_place(places[at], at), at))
    return PlaylistRow(playlist, tuple(_last([_item(items[at]) for at in order], lambda item: (item.feed, item.item))))


def _place(position: Any, index: int) -> float:
    return position if isinstance(position, int | float) else index


def _item(row: Fields) -> ItemRow:
    feed = FeedId.read(row.get("rss_source_feed"))
    item = EpisodeId.read(row.get("rss_source_item"), feed)
    item_title, feed_title = (row.get(name) for name in ("item_title", "feed_title"))
    return ItemRow(feed, item, _text(item_title), _text(feed_title), _time(row.get("removed_at")))


def _text(text: Any) -> str | None:
    return text if isinstance(text, str) else None


V = TypeVar("V", bound=Value)


def _value(kind: type[V], fields: Fields) -> V:
    written = {name: field.write() if isinstance(field, Instant) else field for name, field in fields.items()}
    value = decode_value(kind, written)
    assert isinstance(value, kind)
    return value


def _time(text: Any) -> Instant | None:
    try:
        return Instant.read(text)
    except InvalidInput:
        return None


def _last(rows: Iterable[R], key: Callable[[R], Any]) -> list[R]:
    """Of rows with one key the last counts."""
    return list({key(row): row for row in rows}.values())


def _first(rows: Iterable[R], key: Callable[[R], Any]) -> list[R]:
    """Of rows with one key the first counts."""
    return _last(reversed(list(rows)), key)[::-1]
