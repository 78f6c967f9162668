"""balados.app as the protocol sheet describes it: its local tables, its queue without dates, its own merge.

Sections 4.2, 5.1, 5.2, 10.4, 10.5 and 10.7, with its habits: it always sends all it has, never a tombstone, keeps
`completed` for ever, and takes what the answer does not name for unchanged.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
from msgspec import Struct
from msgspec.structs import replace

from balados_shared.ids import EpisodeId, FeedId
from balados_shared.times import MINUTE, Instant

MAX_ATTEMPTS = 5
CLOSE = 5 * MINUTE


class Play(Struct, frozen=True):
    """A row of the table `playStatuses`. Seconds, and milliseconds since 1970."""

    feed: FeedId
    position: float
    completed: bool
    updated: int


class Letter(Struct):
    """A row of the table `syncQueue`."""

    about: str
    method: str
    path: str
    body: dict[str, Any] | None
    attempts: int = 0


class Episode(NamedTuple):
    """What can be played."""

    feed: FeedId
    item: EpisodeId


class StockClient:
    """One installation. `clock` gives milliseconds, `token` a bearer token for one request.

    `author` is the device id under which the relay numbers for it.
    """

    def __init__(
        self, http: httpx.AsyncClient, token: Callable[[], str], clock: Callable[[], int], author: str
    ) -> None:
        self.http = http
        self.author = author
        self.online = True
        self.subscriptions: dict[FeedId, int] = {}
        self.plays: dict[EpisodeId, Play] = {}
        self.likes: set[FeedId] = set()
        self.queue: list[Letter] = []
        self.last_sync: str | None = None
        self.seen: dict[EpisodeId, tuple[int, bool]] = {}
        """What it was last given of each episode: the seconds, and whether it was played."""
        self._token = token
        self._clock = clock

    # What a person does

    def subscribe(self, feed: FeedId) -> None:
        self.subscriptions[feed] = self._clock()
        self._enqueue(f"feed {feed}", "POST", "/subscriptions", {"feedUrl": feed.url, "title": "A podcast"})

    def unsubscribe(self, feed: FeedId) -> None:
        self.subscriptions.pop(feed, None)
        self.plays = {item: play for item, play in self.plays.items() if play.feed != feed}
        self._enqueue(f"feed {feed}", "DELETE", f"/subscriptions/{feed}", None)

    def play(self, episode: Episode, position: float, *, completed: bool = False) -> None:
        self.plays[episode.item] = Play(episode.feed, position, completed, self._clock())
        body = {"episodeId": episode.item, "feedUrl": episode.feed.url, "position": position, "completed": completed}
        self._enqueue(f"play {episode.item}", "POST", "/play", body | {"duration": 3_600})

    def like(self, feed: FeedId) -> None:
        self.likes.add(feed)
        self._enqueue(f"like {feed}", "POST", "/likes", {"rss_source_feed": feed})

    def unlike(self, feed: FeedId) -> None:
        self.likes.discard(feed)
        self._enqueue(f"like {feed}", "DELETE", f"/likes/{feed}", None)

    async def open(self, episode: Episode) -> float:
        """Look an episode up before it is played, as the player does."""
        answer = await self._ask("GET", f"/play/{episode.feed}/{episode.item}")
        if answer is None or answer.status_code == 404:
            return 0.0
        known = answer.raise_for_status().json()
        self.seen[episode.item] = int(known["position"]), known["played"]
        self.plays[episode.item] = Play(
            episode.feed, known["position"], known["played"], Instant.read(known["updated_at"])
        )
        position: float = known["position"]
        return position

    # What it does by itself

    async def process_queue(self) -> None:
        """Send what waits, the oldest first; what fails five times is dropped."""
        for letter in list(self.queue):
            answer = await self._ask(letter.method, letter.path, letter.body)
            if answer is not None and answer.is_success:
                self.queue.remove(letter)
            else:
                letter.attempts += 1
        self.queue = [letter for letter in self.queue if letter.attempts < MAX_ATTEMPTS]

    async def sync(self) -> bool:
        """Process the queue, then exchange everything; False when there is no network."""
        await self.process_queue()
        body: dict[str, Any] = {"since": self.last_sync} if self.last_sync else {}
        body["subscriptions"] = [
            {"rss_source_feed": feed, "subscribed_at": _written(added)} for feed, added in self.subscriptions.items()
        ]
        body["play_statuses"] = [_row(item, play) for item, play in self.plays.items()]
        answer = await self._ask("POST", "/sync", body)
        if answer is None:
            return False
        self._apply(answer.raise_for_status().json())
        return True

    def _apply(self, news: dict[str, Any]) -> None:
        for row in news["subscriptions"]:
            self._merge_subscription(row)
        for row in news["play_statuses"]:
            self.seen[EpisodeId(row["rss_source_item"])] = row["position"], row["played"]
            self._merge_play(row)
        for row in news.get("likes", ()):
            (self.likes.discard if row.get("unliked_at") else self.likes.add)(FeedId(row["rss_source_feed"]))
        self.last_sync = news["synced_at"]

    def _merge_subscription(self, row: dict[str, Any]) -> None:
        feed, local = FeedId(row["rss_source_feed"]), self.subscriptions.get(FeedId(row["rss_source_feed"]))
        if (gone := row.get("unsubscribed_at")) is not None:
            if local is not None and local <= Instant.read(gone):
                del self.subscriptions[feed]
            return
        remote = Instant.read(row["subscribed_at"])
        if local is None or local <= remote:
            self.subscriptions[feed] = remote

    def _merge_play(self, row: dict[str, Any]) -> None:
        item, local = EpisodeId(row["rss_source_item"]), self.plays.get(EpisodeId(row["rss_source_item"]))
        remote = Play(FeedId(row["rss_source_feed"]), row["position"], row["played"], Instant.read(row["updated_at"]))
        if local is None:
            self.plays[item] = remote
            return
        if abs(local.updated - remote.updated) < CLOSE:
            position = max(local.position, remote.position)
        else:
            position = (local if local.updated > remote.updated else remote).position
        completed, updated = local.completed or remote.completed, max(local.updated, remote.updated)
        self.plays[item] = replace(local, position=position, completed=completed, updated=updated)

    def _enqueue(self, about: str, method: str, path: str, body: dict[str, Any] | None) -> None:
        self.queue = [letter for letter in self.queue if letter.about != about]
        self.queue.append(Letter(about, method, path, body))

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response | None:
        if not self.online:
            return None
        headers = {"Authorization": f"Bearer {self._token()}"}
        return await self.http.request(method, f"/api/v1{path}", json=body, headers=headers)


def _row(item: EpisodeId, play: Play) -> dict[str, Any]:
    return {
        "rss_source_feed": play.feed,
        "rss_source_item": item,
        "position": play.position,
        "played": play.completed,
        "updated_at": _written(play.updated),
    }


def _written(moment: int) -> str:
    return Instant(moment).write()
