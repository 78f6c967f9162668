"""The fingerprint (DESIGN.md section 5): of what is there, and of nothing else."""

import hashlib
import json

from msgspec.structs import replace

from balados_shared.fingerprint import fingerprint
from balados_shared.kinds import Subscription
from balados_shared.times import Instant
from support.strategies import FEED, NOON, OTHER_FEED

HERE = Subscription(rss_source_feed=FEED, subscribed_at=Instant(NOON), title="Zoë", extra={"mood": 1})
GONE = Subscription(rss_source_feed=OTHER_FEED, subscribed_at=Instant(NOON), unsubscribed_at=Instant(NOON + 1))


def test_it_is_the_hash_of_the_canonical_lines() -> None:
    value = {"mood": 1, "rss_source_feed": FEED, "subscribed_at": "2026-01-01T12:00:00.000Z", "title": "Zoë"}
    line = {"key": FEED, "kind": "subscription", "value": value}
    text = json.dumps(line, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"
    assert fingerprint([HERE]) == hashlib.sha256(text.encode()).hexdigest()


def test_tombstones_do_not_count() -> None:
    assert fingerprint([HERE, GONE]) == fingerprint([HERE])


def test_an_empty_library_has_one_too() -> None:
    assert fingerprint([]) == hashlib.sha256(b"").hexdigest()


def test_every_field_counts_also_one_of_a_later_version() -> None:
    others = [replace(HERE, title="Zoe"), replace(HERE, extra={}), replace(HERE, subscribed_at=Instant(NOON + 1))]
    assert len({fingerprint([value]) for value in [HERE, *others]}) == 4
