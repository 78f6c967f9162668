"""The default collection: its id is the documented one, its looks are what was stored of them, if anything."""

from balados_shared.default_collection import TITLE, default_collection, default_id, is_default
from balados_shared.kinds import Collection, Subscription
from balados_shared.times import Instant
from support.strategies import FEED, NOON

ALICE = "6f1c2a52-6d0e-4b63-9a3b-0a4d0f7f1a01"
ID = "78f8d29e-7dc5-9249-4917-9b2599a511b0"
"""As the examples of the protocol sheet give it."""


def test_the_id_is_the_documented_one() -> None:
    assert default_id(ALICE) == ID


def test_without_records_it_is_as_new_as_the_newest_subscription() -> None:
    subscription = Subscription(rss_source_feed=FEED, subscribed_at=Instant(NOON))
    made = default_collection(ALICE, [], [subscription])
    assert made == Collection(id=ID, title=TITLE, is_default=True, updated_at=Instant(NOON))
    assert default_collection(ALICE, [], []).updated_at == 0


def test_a_record_of_it_tells_its_looks_under_whatever_id() -> None:
    other = Collection(id="c1", title="Science", updated_at=Instant(NOON))
    stored = Collection(id="c2", title="Alles", color="#336699", is_default=True, updated_at=Instant(NOON))
    made = default_collection(ALICE, [other, stored], [])
    assert (made.id, made.title, made.color, made.is_default) == (ID, "Alles", "#336699", True)
    assert [is_default(each, ALICE) for each in (other, stored, made)] == [False, True, True]
    assert is_default(Collection(id=ID, title="x", updated_at=Instant(0)), ALICE), "a record may have lost the mark"
