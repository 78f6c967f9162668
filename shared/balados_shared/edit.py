"""`edit` makes a head of what a person wants: it supersedes exactly what the device knew of this record.

Law: an edit replaces every head it knew and nothing else; its time is later than theirs, whatever the clock says
(DESIGN.md sections 4 and 5); `furthest` never shrinks.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, convert
from msgspec.structs import asdict

from balados_shared.errors import InvalidInput, Refused
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Like, PlayStatus, Subscription, Value, key_of, kind_named
from balados_shared.record import Dot, Head, Record
from balados_shared.rules import value_of
from balados_shared.times import LATEST, Instant

_FIRST: Mapping[str, Mapping[str, Any]] = {PlayStatus.kind: {"position": 0.0, "played": False}}
"""What a first edit leaves unsaid."""


class Edit(Struct, frozen=True, kw_only=True):
    """What a person wants of one record.

    `name` holds the identity fields of the kind, `sets` the fields to set. `present` says whether it should be there
    (subscribed, liked, not deleted); None leaves that as it is.
    """

    kind: str
    name: Mapping[str, Any]
    sets: Mapping[str, Any] = {}
    present: bool | None = None

    @property
    def key(self) -> str:
        return _key(kind_named(self.kind), self.name)


def subscribe(feed: FeedId, *, title: str | None = None, image: str | None = None) -> Edit:
    """Follow a feed. What is not said of title and image stays as it was."""
    said = {"title": title, "image": image}
    return _about(Subscription, feed, sets={k: v for k, v in said.items() if v is not None}, present=True)


def unsubscribe(feed: FeedId) -> Edit:
    """Follow a feed no more."""
    return _about(Subscription, feed, present=False)


def like(feed: FeedId, item: EpisodeId | None = None) -> Edit:
    """Like a feed, or one of its episodes."""
    return _about(Like, feed, item, present=True)


def unlike(feed: FeedId, item: EpisodeId | None = None) -> Edit:
    """Take a like back."""
    return _about(Like, feed, item, present=False)


def progress(
    feed: FeedId,
    item: EpisodeId,
    *,
    position: float | None = None,
    played: bool | None = None,
    duration: float | None = None,
) -> Edit:
    """Say where somebody is in an episode (seconds). What is None stays as it was."""
    said = {"position": position, "played": played, "duration": duration}
    return _about(PlayStatus, feed, item, sets={k: v for k, v in said.items() if v is not None})


def edit(record: Record | None, wish: Edit, dot: Dot, now: int) -> Record | None:
    """Return the record after the edit, or None when it would change nothing.

    `dot.number` must be above whatever this device put into the record before. Raises Refused for what may not be
    edited and InvalidInput for fields that do not fit the kind.
    """
    kind = kind_named(wish.kind)
    old = value_of(record) if record else None
    if old is not None and kind.rule == "union":
        raise Refused("a stretch of listening never changes")
    if old is None and wish.present is False:
        return None
    if record is not None and len(record.heads) == 1 and _says_nothing_new(record.name, wish):
        return None
    at = min(max(now, record.time + 1 if record else 0), LATEST)
    head = Head(dot.device, dot.number, _new_value(kind, old, wish, Instant(at)))
    vector = record.vector if record else {}
    return Record.of([head], {**vector, dot.device: dot.number})


def _about(
    kind: type[Value],
    feed: FeedId,
    item: EpisodeId | None = None,
    *,
    sets: Mapping[str, Any] | None = None,
    present: bool | None = None,
) -> Edit:
    name = {"rss_source_feed": feed, "rss_source_item": item}
    return Edit(kind=kind.kind, name={n: name[n] for n in kind.identity}, sets=sets or {}, present=present)


def _key(kind: type[Value], name: Mapping[str, Any]) -> str:
    if missing := [field for field in kind.identity if field not in name]:
        raise InvalidInput(f"a {kind.kind} needs {', '.join(missing)}")
    return key_of(kind, name)


def _says_nothing_new(old: Value, wish: Edit) -> bool:
    same_fields = all(getattr(old, field, None) == value for field, value in wish.sets.items())
    return same_fields and wish.present in (None, old.present) and not old.purged


def _new_value(kind: type[Value], old: Value | None, wish: Edit, at: Instant) -> Value:
    known = asdict(old) if old is not None else {**_FIRST.get(wish.kind, {}), **wish.name}
    return _checked(kind, {**known, **wish.sets, **_dates(kind, old, wish.present, at), "purged": False})


def _dates(kind: type[Value], old: Value | None, present: bool | None, at: Instant) -> dict[str, Instant | None]:
    """Date an edit: the kind's stamp always; coming or going only where it changes. A `listen` has its own dates."""
    if kind.rule == "union":
        return {}
    dates: dict[str, Instant | None] = {kind.stamp: at} if kind.stamp else {}
    comes = old is None or (present is True and not old.present)
    if comes and kind.added:
        dates[kind.added] = at
    if comes and kind.removed:
        dates[kind.removed] = None
    if present is False and kind.removed:
        dates[kind.removed] = at
    return dates


def _checked(kind: type[Value], fields: Mapping[str, Any]) -> Value:
    """Build a value with every field checked, which the constructor alone does not do."""
    names = dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))
    if unknown := sorted(fields.keys() - names.keys()):
        raise InvalidInput(f"a {kind.kind} has no {', '.join(unknown)}")
    try:
        return convert({names[field]: value for field, value in fields.items()}, kind, dec_hook=_read_text)
    except ValueError as error:
        raise InvalidInput(str(error)) from None


def _read_text(wanted: type, value: Any) -> Any:
    """Read an id or a time that is still text; what is one already passes."""
    return value if isinstance(value, wanted) else wanted.read(value)  # type: ignore[attr-defined]
