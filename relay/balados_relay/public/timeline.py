"""What people did of late, as everybody may see it. Pure (protocol sheet, section 8.1, `timeline`)."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from balados_relay.public.visibility import ANONYMOUS, PRIVATE, level_of
from balados_relay.storage.public import Happened
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import PlayStatus, Subscription, Value


class Event(Struct, frozen=True, kw_only=True):
    """Somebody subscribed or played. `user_id` is None for who is anonymous. `time` is in milliseconds."""

    number: int
    user_id: str | None
    what: str
    feed: FeedId
    item: EpisodeId | None
    level: str
    data: dict[str, Any] | None
    time: int


def visible(lines: Iterable[Happened], levels: Mapping[int, Mapping[str, str]]) -> list[Event]:
    """Return the lines of the logs that may be shown, newest first. `levels` are the settings of each account."""
    events = (_event(line, levels.get(line.account, {"/": PRIVATE})) for line in lines)
    return sorted((event for event in events if event), key=lambda event: (event.time, event.number), reverse=True)


def _event(line: Happened, levels: Mapping[str, str]) -> Event | None:
    item: EpisodeId | None = None
    data: dict[str, Any] | None = None
    match line.after:
        case PlayStatus() as play:
            feed, item = play.rss_source_feed, play.rss_source_item
            data = {"position": play.position, "played": play.played}
        case Subscription() as subscription if _began(line.before, subscription):
            feed = subscription.rss_source_feed
        case _:
            return None
    level = level_of(levels, feed, item or "")
    if level == PRIVATE:
        return None
    return Event(
        number=line.seq,
        user_id=None if level == ANONYMOUS else line.user_id,
        what="play" if item else "subscribe",
        feed=feed,
        item=item,
        level=level,
        data=data,
        time=line.time,
    )


def _began(before: Value | None, after: Value) -> bool:
    """Whether a subscription is there that was not before."""
    return after.present and not (before and before.present)
