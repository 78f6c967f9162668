"""The library of one account, as a program reads it: each method is one short question."""

from collections.abc import Callable, Iterable
from sqlite3 import Connection
from typing import TypeVar, cast

from balados_shared.cursor import Cursor
from balados_shared.fingerprint import fingerprint
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Like, PlayStatus, Subscription, Value
from balados_shared.places import Listed, Place
from balados_shared.record import Record
from balados_shared.rules import value_of
from balados_shared.storage import log, reading
from balados_shared.storage.database import Database
from balados_shared.storage.log import Event
from balados_shared.storage.reading import Page

T = TypeVar("T")
V = TypeVar("V", bound=Value)

_PLAYED = {None: None, True: reading.PLAYED, False: reading.NOT_PLAYED}


class LibraryReader:
    """Reads of one library. Nothing here waits for a writer."""

    def __init__(self, database: Database, account: int) -> None:
        self._database = database
        self.account = account

    def subscriptions(self) -> list[Subscription]:
        """Return what is subscribed to, newest first."""
        return cast("list[Subscription]", self._read(reading.listing, kind=Subscription))

    def subscription(self, feed: FeedId) -> Subscription | None:
        """Return a subscription, also a past one."""
        record = self.record(Subscription.kind, feed)
        return cast("Subscription", value_of(record)) if record else None

    def play_statuses(
        self, *, feed: FeedId | None, played: bool | None, limit: int, offset: int
    ) -> tuple[list[PlayStatus], int]:
        """Return a page of play statuses, newest first, and how many there are in all."""
        chosen = {"kind": PlayStatus, "parent": feed or "", "where": _PLAYED[played]}
        page = self._read(reading.listing, **chosen, limit=limit, offset=offset)
        return cast("list[PlayStatus]", page), self._read(reading.number_of, **chosen)

    def play_status(self, item: EpisodeId, feed: FeedId | None = None) -> PlayStatus | None:
        """Return how far an episode was played. Without a feed the newest match is meant."""
        if feed is None:
            return cast("PlayStatus | None", self._read(reading.newest_play, item=item))
        record = self.record(PlayStatus.kind, f"{feed}/{item}")
        return cast("PlayStatus", value_of(record)) if record else None

    def likes(self, *, limit: int, offset: int) -> list[Like]:
        """Return a page of what is liked, newest first."""
        return cast("list[Like]", self._read(reading.listing, kind=Like, limit=limit, offset=offset))

    def values(self, kind: type[V], parent: str = "") -> list[V]:
        """Return all of a kind that is there, newest first; with `parent` (a key) only what belongs to it."""
        return cast("list[V]", self._read(reading.listing, kind=kind, parent=parent))

    def value(self, kind: type[V], key: str) -> V | None:
        """Return what a record says, also of what was removed."""
        record = self.record(kind.kind, key)
        return cast("V", value_of(record)) if record else None

    def listed(
        self,
        kind: type[V],
        place: Place,
        *,
        limit: int,
        feed: FeedId | None = None,
        played: bool | None = None,
    ) -> Listed[V]:
        """Return part of a list from a place on (`reading.listed`). `played` asks for play statuses only."""
        chosen = {"kind": kind, "parent": feed or "", "where": _PLAYED[played]}
        return self._read(reading.listed, **chosen, place=place, limit=limit)

    def feed_titles(self, feeds: Iterable[FeedId]) -> dict[str, str]:
        """Return the titles of feeds, as far as they are known."""
        return self._read(reading.titles, feeds=set(feeds))

    def record(self, kind: str, key: str) -> Record | None:
        """Return any record, also of what was removed."""
        return self._read(reading.find, kind=kind, key=key)

    def events_of(self, kind: str, key: str) -> list[Event]:
        """Return what the log holds of a record, oldest first."""
        return self._read(log.of_record, kind=kind, key=key)

    def events(self, *, before: int | None = None, limit: int = 100) -> list[Event]:
        """Return the newest lines of the log, newest first."""
        return self._read(log.latest, before=before, limit=limit)

    def event(self, number: int) -> Event | None:
        """Return one line of the log."""
        return self._read(log.find, event=number)

    def head(self) -> Cursor:
        """Return where the library's history stands."""
        return self._read(reading.head)

    def fits(self, cursor: Cursor) -> bool:
        """Whether a cursor belongs to this library's history."""
        return self._read(reading.fits, cursor=cursor)

    def changes_after(self, revision: int, limit: int) -> Page:
        """Return what changed after an arrival number, by arrival."""
        return self._read(reading.changes_after, revision=revision, limit=limit)

    async def fingerprint(self) -> str:
        """Return the fingerprint of the whole library. Reads all of it, in a thread."""
        return await self._database.scan(lambda connection: fingerprint(reading.values(connection, self.account)))

    def _read(self, question: Callable[..., T], **arguments: object) -> T:
        def ask(connection: Connection) -> T:
            return question(connection, self.account, **arguments)

        return self._database.read(ask)
