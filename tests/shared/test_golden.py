"""Golden bytes (tests/golden): what was once written is written alike today, and reads to the same value.

Each file holds one kind: its record with one head, with several heads, and as a purged stub where it can be deleted.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from balados_shared import kinds
from balados_shared.events import Verdict
from balados_shared.kinds import ALL, Value
from balados_shared.record import Head, Record
from balados_shared.times import Instant
from balados_shared.wire import (
    SyncAnswer,
    SyncRequest,
    decode_answer,
    decode_request,
    encode_answer,
    encode_record,
    encode_request,
    stored_record,
)
from support.strategies import FEED, ITEM, NOON, OTHER_FEED, OTHER_ITEM

GOLDEN = Path(__file__).parents[1] / "golden"
T0, T1, T2 = (Instant(NOON + minute * 60_000) for minute in range(3))
LATER = {"a_later_field": {"kept": [1, None]}}
PLAIN: dict[str, Any] = {"rss_source_feed": FEED}
EPISODE: dict[str, Any] = {"rss_source_feed": FEED, "rss_source_item": ITEM}
QUEUE: dict[str, Any] = {"playlist_id": "queue", **EPISODE, "added_at": T0}
IN_C1: dict[str, Any] = {"collection_id": "c1", **PLAIN, "added_at": T0}

VALUES: dict[type[Value], tuple[Value, ...]] = {
    kinds.Subscription: (
        kinds.Subscription(**PLAIN, rss_source_id="0123456789abcdef", subscribed_at=T0, title="Zoë", image="i.png"),
        kinds.Subscription(**PLAIN, subscribed_at=T0, unsubscribed_at=T1, extra=LATER),
        kinds.Subscription(**PLAIN, subscribed_at=T0, unsubscribed_at=T1, purged=True),
    ),
    kinds.PlayStatus: (
        kinds.PlayStatus(**EPISODE, position=12.5, duration=1800.0, furthest=900.0, played=False, updated_at=T0),
        kinds.PlayStatus(**EPISODE, position=30.0, played=True, updated_at=T1, extra=LATER),
    ),
    kinds.Like: (
        kinds.Like(**EPISODE, liked_at=T0),
        kinds.Like(**EPISODE, liked_at=T0, unliked_at=T1),
        kinds.Like(**EPISODE, liked_at=T0, unliked_at=T1, purged=True),
    ),
    kinds.Playlist: (
        kinds.Playlist(id="queue", name="Up next", description="d", type="queue", created_at=T0, updated_at=T1),
        kinds.Playlist(id="queue", name="n", is_public=True, created_at=T0, updated_at=T2),
        kinds.Playlist(id="queue", name="", created_at=T0, updated_at=T1, deleted_at=T1, purged=True),
    ),
    kinds.PlaylistItem: (
        kinds.PlaylistItem(**QUEUE, rank="V.d7k2", item_title="One", feed_title="Feed", updated_at=T0),
        kinds.PlaylistItem(**QUEUE, rank="W.m3p9", removed_at=T1, updated_at=T1),
        kinds.PlaylistItem(**QUEUE, rank="V", removed_at=T1, updated_at=T1, purged=True),
    ),
    kinds.Collection: (
        kinds.Collection(id="c1", title="News", description="d", color="#aabbcc", is_default=True, updated_at=T0),
        kinds.Collection(id="c1", title="Old news", is_public=True, updated_at=T1),
        kinds.Collection(id="c1", title="", updated_at=T1, deleted_at=T1, purged=True),
    ),
    kinds.CollectionFeed: (
        kinds.CollectionFeed(**IN_C1, rank="V.d7k2", updated_at=T0),
        kinds.CollectionFeed(**IN_C1, rank="V.m3p9", removed_at=T1, updated_at=T1),
        kinds.CollectionFeed(**IN_C1, rank="V", removed_at=T1, updated_at=T1, purged=True),
    ),
    kinds.Privacy: (
        kinds.Privacy(**PLAIN, privacy="anonymous", updated_at=T0),
        kinds.Privacy(**PLAIN, privacy="private", updated_at=T0),
    ),
    kinds.Preference: (
        kinds.Preference(name="speed", value=1.5, updated_at=T0),
        kinds.Preference(name="speed", value={"a": [True, None]}, updated_at=T1),
    ),
    kinds.Alias: (
        kinds.Alias(**EPISODE, same_as=OTHER_ITEM, updated_at=T0),
        kinds.Alias(**EPISODE, same_as=ITEM, updated_at=T1),
    ),
    kinds.FeedMove: (
        kinds.FeedMove(**PLAIN, moved_to=OTHER_FEED, updated_at=T0),
        kinds.FeedMove(**PLAIN, moved_to=FEED, updated_at=T1),
    ),
    kinds.Listen: (
        kinds.Listen(**EPISODE, device_id="d7k2", started_at=T0, ended_at=T1, from_=10.0, to=99.5, speed=1.25),
    ),
}


def named(kind: type[Value]) -> dict[str, Record]:
    one, *others = VALUES[kind]
    found = {"one head": Record.of([Head("d7k2", NOON, one)], {"m3p9": 7})}
    if others:
        heads = [Head("d7k2", NOON, one), Head("m3p9", NOON + 1, others[0])]
        found["several heads"] = Record.of(heads, {"a phone": 3})
    if len(others) > 1:
        found["purged stub"] = Record.of([Head("m3p9", NOON + 2, others[1])], {"d7k2": NOON})
    return found


def golden(kind: type[Value]) -> dict[str, Raw]:
    return msgspec.json.decode((GOLDEN / f"{kind.kind}.json").read_bytes(), type=dict[str, Raw])


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.kind)
def test_records_are_written_as_ever(kind: type[Value]) -> None:
    assert {name: bytes(raw) for name, raw in golden(kind).items()} == {
        name: encode_record(record) for name, record in named(kind).items()
    }


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.kind)
def test_old_records_are_read_for_ever(kind: type[Value]) -> None:
    assert {name: stored_record(kind, raw) for name, raw in golden(kind).items()} == named(kind)


SENT = [named(kinds.Subscription)["one head"], named(kinds.PlayStatus)["several heads"]]
REFUSAL = Verdict(kind="play_status", key=f"{FEED}/{ITEM}", outcome="refused", rule="invalid", reason="a reason")
ASKS = SyncRequest(device_id="d7k2", count=NOON + 9, cursor="41.9f3a6c", runs=["r1", "r2"], records=SENT, refused=[])
ANSWERS = SyncAnswer(records=SENT, synced_at=T2, cursor="57.c01d2e", more=True, verdicts=[REFUSAL], clone=True)


def test_a_request_is_written_as_ever_and_read_for_ever() -> None:
    frame = {name: getattr(ASKS, name) for name in ("device_id", "count", "cursor", "runs")}
    old = (GOLDEN / "sync_request.json").read_bytes()
    assert encode_request(frame, [(record.name.plural, encode_record(record)) for record in SENT]) == old
    assert decode_request(old) == ASKS


def test_an_answer_is_written_as_ever_and_read_for_ever() -> None:
    frame = {name: getattr(ANSWERS, name) for name in ("synced_at", "cursor", "more", "verdicts", "clone")}
    rows = [(record.name.plural, encode_record(record), number) for number, record in enumerate(SENT, 42)]
    old = (GOLDEN / "sync_answer.json").read_bytes()
    assert encode_answer(frame, rows) == old
    assert decode_answer(old) == ANSWERS
