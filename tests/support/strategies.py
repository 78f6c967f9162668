"""Hypothesis strategies for records: small domains, so that devices, numbers and times often collide.

`records` are arbitrary well-formed states (heads covered by their vector); `histories` are reachable ones: devices edit
and exchange copies of one record, as DESIGN.md section 4 says.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hypothesis import strategies as st

from balados_shared import kinds
from balados_shared.edit import Edit, edit
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Value
from balados_shared.record import Dot, Head, Record, merge
from balados_shared.rules import WINDOW, resolve
from balados_shared.times import Instant

NOON = 1_767_268_800_000
"""2026-01-01T12:00:00Z in milliseconds."""

FEED = FeedId.of("https://example.com/feed.xml")
OTHER_FEED = FeedId.of("https://example.org/other.xml")
ITEM = EpisodeId.of("guid-1", "https://example.com/1.mp3")
OTHER_ITEM = EpisodeId.of("guid, with a comma", "https://example.com/2.mp3?a=1,2")

DEVICES = ("A", "B", "C")

devices = st.sampled_from(DEVICES)
numbers = st.integers(1, 4)
times = st.sampled_from([Instant(NOON + ms) for ms in (0, 1, 2, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW)])
positions = st.sampled_from([0.0, 10.0, 20.5, 30.0, 1_800.0])
texts = st.sampled_from(["", "x", "Zoë, and \u0000 others", "🎧"])
extras = st.dictionaries(
    st.sampled_from(["mood", "rating", "extra"]), st.sampled_from([1, 2.5, None, "x", [1, {"a": None}]]), max_size=2
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The same or None."""
    return st.none() | strategy


FIELDS: dict[type[Value], dict[str, st.SearchStrategy[Any]]] = {
    kinds.Subscription: {
        "rss_source_feed": st.just(FEED),
        "subscribed_at": times,
        "unsubscribed_at": maybe(times),
        "title": maybe(texts),
        "purged": st.booleans(),
    },
    kinds.PlayStatus: {
        "rss_source_feed": st.just(FEED),
        "rss_source_item": st.just(ITEM),
        "position": positions,
        "duration": maybe(positions),
        "furthest": st.just(-1.0) | positions,
        "played": st.booleans(),
        "updated_at": times,
    },
    kinds.Like: {
        "rss_source_feed": st.just(FEED),
        "rss_source_item": st.just(None),
        "liked_at": times,
        "unliked_at": maybe(times),
    },
    kinds.Playlist: {
        "id": st.just("queue"),
        "name": texts,
        "type": st.sampled_from(["playlist", "queue"]),
        "is_public": st.booleans(),
        "created_at": times,
        "updated_at": times,
        "deleted_at": maybe(times),
    },
    kinds.PlaylistItem: {
        "playlist_id": st.just("queue"),
        "rss_source_feed": st.just(FEED),
        "rss_source_item": st.just(ITEM),
        "rank": st.sampled_from(["V.a", "W.b", "~"]),
        "added_at": times,
        "removed_at": maybe(times),
        "updated_at": times,
    },
    kinds.Collection: {
        "id": st.just("c1"),
        "title": texts,
        "is_default": st.booleans(),
        "updated_at": times,
        "deleted_at": maybe(times),
    },
    kinds.CollectionFeed: {
        "collection_id": st.just("c1"),
        "rss_source_feed": st.just(FEED),
        "rank": st.sampled_from(["V.a", "W.b", "~"]),
        "added_at": times,
        "removed_at": maybe(times),
        "updated_at": times,
    },
    kinds.Privacy: {
        "rss_source_feed": st.just(None),
        "rss_source_item": st.just(None),
        "privacy": st.sampled_from(["public", "anonymous", "private"]),
        "updated_at": times,
    },
    kinds.Preference: {
        "rss_source_feed": st.just(FEED),
        "name": st.just("speed"),
        "value": st.sampled_from([None, True, 1, 1.5, "x", [1, 2], {"a": {"b": None}}, 2**70]),
        "updated_at": times,
    },
    kinds.Alias: {
        "rss_source_feed": st.just(FEED),
        "rss_source_item": st.just(ITEM),
        "same_as": st.sampled_from([ITEM, OTHER_ITEM]),
        "updated_at": times,
    },
    kinds.FeedMove: {
        "rss_source_feed": st.just(FEED),
        "moved_to": st.sampled_from([FEED, OTHER_FEED]),
        "updated_at": times,
    },
    kinds.Listen: {
        "rss_source_feed": st.just(FEED),
        "rss_source_item": st.just(ITEM),
        "device_id": st.just("A"),
        "started_at": st.just(Instant(NOON)),
        "ended_at": times,
        "from_": positions,
        "to": positions,
        "speed": st.sampled_from([0.5, 1.0, 3.0]),
    },
}

all_kinds = st.sampled_from(kinds.ALL)

Draw = Callable[[st.SearchStrategy[Any]], Any]


@cache
def values(kind: type[Value]) -> st.SearchStrategy[Value]:
    """Values of one record of a kind."""
    return st.builds(kind, extra=extras, **FIELDS[kind])


@cache
def heads(kind: type[Value]) -> st.SearchStrategy[list[Head]]:
    """At least one head, each of a dot of its own."""
    head = st.builds(Head, devices, numbers, values(kind))
    return st.lists(head, min_size=1, max_size=3, unique_by=lambda head: head.dot)


@cache
def records(kind: type[Value]) -> st.SearchStrategy[Record]:
    """Any well-formed state of one record."""
    return st.builds(Record.of, heads(kind), st.dictionaries(devices, numbers))


@st.composite
def several(draw: st.DrawFn, number: int) -> list[Record]:
    """That many states of one record, of any kind."""
    kind = draw(all_kinds)
    return [draw(records(kind)) for _ in range(number)]


@dataclass
class History:
    """What a few devices made of one record: every state that any of them ever held, and how they ended."""

    states: list[Record] = field(default_factory=list)
    copies: dict[str, Record | None] = field(default_factory=lambda: dict.fromkeys(DEVICES))
    numbers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DEVICES, 0))

    def dot(self, device: str, now: int) -> Dot:
        """A fresh dot, as DESIGN.md section 2 numbers them."""
        self.numbers[device] = max(self.numbers[device] + 1, now)
        return Dot(device, self.numbers[device])

    def hold(self, device: str, record: Record) -> None:
        """Give a device a state."""
        self.copies[device] = record
        self.states.append(record)


def playing(draw: Draw) -> Edit:
    """A person listens, rewinds, marks as played or takes that back."""
    sets = draw(st.fixed_dictionaries({}, optional={"position": positions, "played": st.booleans()}))
    return Edit(kind="play_status", name={"rss_source_feed": FEED, "rss_source_item": ITEM}, sets=sets)


def subscribing(draw: Draw) -> Edit:
    """A person follows a feed, or no more."""
    return Edit(kind="subscription", name={"rss_source_feed": FEED}, present=draw(st.booleans()))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Reachable states: edits with clocks that are days wrong, exchanges in any direction, heads that know nothing."""
    wish: Callable[[Draw], Edit] = draw(st.sampled_from([playing, subscribing]))
    kind = kinds.PlayStatus if wish is playing else kinds.Subscription
    history, now = History(), NOON
    for _ in range(draw(st.integers(1, 12))):
        now += draw(st.sampled_from([1, 1_000, WINDOW]))
        device, here = draw(devices), history.copies
        clock = now + draw(st.sampled_from([0, 0, -(10**9), 10**9]))
        step = draw(st.sampled_from(["edit", "exchange", "tell"]))
        mine, theirs = here[device], here[draw(devices)]
        if step == "edit" and (after := edit(mine, wish(draw), history.dot(device, clock), clock)):
            history.hold(device, after)
        elif step == "exchange" and theirs:
            history.hold(device, merge(mine, theirs) if mine else theirs)
        elif step == "tell":
            dot = history.dot(device, clock)
            # A client without numbers: it knows nothing but its own earlier head, and is merged with that by the rule.
            own = [head for head in mine.heads if head.device == device] if mine else []
            value = resolve([*own, Head(*dot, draw(values(kind)))]).value
            told = Record.of([Head(*dot, value)], {})
            history.hold(device, merge(mine, told) if mine else told)
    return history
