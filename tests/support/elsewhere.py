"""What another device made, and what a relay says of it."""

from collections.abc import Sequence

from balados_shared.events import Verdict
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import PlayStatus, Subscription
from balados_shared.record import Head, Record
from balados_shared.times import Instant
from balados_shared.wire import SyncAnswer
from support.strategies import FEED, ITEM, NOON

OTHER = "other-device"


def feed(number: int) -> FeedId:
    """One of many feeds."""
    return FeedId.of(f"https://example.com/{number}.xml")


def subscription(
    of: FeedId = FEED,
    *,
    device: str = OTHER,
    number: int = NOON,
    at: int = 0,
    gone: bool = False,
    title: str | None = None,
    knows: dict[str, int] | None = None,
) -> Record:
    """A subscription made `at` milliseconds after noon, or ended then; `knows` is what it supersedes."""
    since = Instant(NOON - 1) if gone else Instant(NOON + at)
    value = Subscription(
        rss_source_feed=of, subscribed_at=since, unsubscribed_at=Instant(NOON + at) if gone else None, title=title
    )
    return Record.of([Head(device, number, value)], knows or {})


def play(
    position: float,
    *,
    device: str = OTHER,
    number: int = NOON,
    at: int = 0,
    played: bool = False,
    feed: FeedId = FEED,
    item: EpisodeId = ITEM,
    knows: dict[str, int] | None = None,
) -> Record:
    """A position told `at` milliseconds after noon."""
    value = PlayStatus(
        rss_source_feed=feed, rss_source_item=item, position=position, played=played, updated_at=Instant(NOON + at)
    )
    return Record.of([Head(device, number, value)], knows or {})


def answer(*records: Record, cursor: str = "1.a", more: bool = False, verdicts: Sequence[Verdict] = ()) -> SyncAnswer:
    """What a relay answers."""
    return SyncAnswer(records=records, synced_at=Instant(NOON), cursor=cursor, more=more, verdicts=verdicts)
