"""How much a feed or an episode is listened to, liked and passed on. Pure (protocol sheet, section 8.2).

Law: a person counts once for each thing they did: saving a position twice is one play. What they keep private does not
count at all, so that on a small relay no number gives them away.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct, field

from balados_relay.public.visibility import is_personal
from balados_shared.ids import EpisodeId, FeedId

SCORES = {"subscribe": 10, "play": 5, "like": 7, "save": 3, "share": 2}

ENOUGH = 2
"""How many people must know a feed's URL that looks personal, for it to be none."""


class Act(NamedTuple):
    """What somebody did, once: subscribe, play, like, save or share. `item` is empty for a feed."""

    account: int
    what: str
    feed: FeedId
    item: str
    time: int
    arrived: int


class Count(Struct):
    """What was done with a feed or an episode, all in all and up to a day ago. Times are milliseconds."""

    now: Counter[str] = field(default_factory=Counter)
    before: Counter[str] = field(default_factory=Counter)
    first: int = 2**62
    last: int = 0

    def add(self, act: Act, day_ago: int) -> None:
        """Count an act."""
        self.now[act.what] += 1
        self.before[act.what] += act.arrived <= day_ago
        self.first, self.last = min(self.first, act.time), max(self.last, act.time)

    @property
    def score(self) -> int:
        """What it scores."""
        return _score(self.now)

    @property
    def score_previous(self) -> int:
        """What it scored a day ago."""
        return _score(self.before)

    @property
    def rank(self) -> tuple[int, int]:
        """What trends: growth first, then the score."""
        return self.score - self.score_previous, self.score


class Popularity:
    """The counts of feeds and episodes."""

    def __init__(self, acts: Iterable[Act], day_ago: int) -> None:
        feeds: defaultdict[FeedId, Count] = defaultdict(Count)
        episodes: defaultdict[tuple[FeedId, EpisodeId], Count] = defaultdict(Count)
        people: defaultdict[FeedId, set[int]] = defaultdict(set)
        for act in acts:
            people[act.feed].add(act.account)
            feeds[act.feed].add(act, day_ago)
            if act.item:
                episodes[act.feed, EpisodeId(act.item)].add(act, day_ago)
        self._people = people
        self.feeds = {feed: count for feed, count in feeds.items() if not self.is_hidden(feed)}
        self.episodes = {key: count for key, count in episodes.items() if key[0] in self.feeds}

    def is_hidden(self, feed: FeedId) -> bool:
        """Whether a feed's URL looks like somebody's own."""
        return is_personal(feed.url) and len(self._people.get(feed, ())) < ENOUGH


def _score(counter: Counter[str]) -> int:
    return sum(SCORES[what] * number for what, number in counter.items())
