"""One sync of a stock client: its rows are joined in, and it gets what is new since it was here last.

Law: an upload is one transaction, and its answer holds everything up to an arrival stamp that no later change can have
(DESIGN.md section 4, `since`). A client that says a later `since` than it was given gets what it misses all the same.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from sqlite3 import Connection
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from balados_relay.accounts.callers import Caller
from balados_relay.sync.answers import Conflict, Holdings, answer
from balados_relay.sync.arrivals import check_clock
from balados_relay.sync.clients import after_act, note_client
from balados_relay.sync.dialects import Dialect, Fields, PlayRow, Upload, read_upload
from balados_relay.sync.lists import join_playlist, whole_digest
from balados_shared.clients import Memory, act, digest, report
from balados_shared.clock import cap
from balados_shared.edit import progress
from balados_shared.events import Verdict
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Like, Playlist, PlaylistItem, PlayStatus, Subscription, Value, key_of
from balados_shared.record import Dot, Record
from balados_shared.rules import value_of
from balados_shared.storage import clients as storage
from balados_shared.storage import reading
from balados_shared.storage.clients import Name
from balados_shared.storage.database import Database
from balados_shared.storage.library import Library, Saved
from balados_shared.wire import encode_json

REMEMBERED_AT_ONCE = 1_000


class Taken(Struct, frozen=True, kw_only=True):
    """What became of an upload. `stamp` is what the answer goes up to, `since` what it begins behind."""

    dialect: Dialect
    since: int | None
    stamp: int
    conflicts: Sequence[Conflict]
    refused: Sequence[Verdict]
    changed: bool


class Given(Struct, frozen=True):
    """What a client is about to be given, and what it then knows of each record."""

    holdings: Holdings
    rows: dict[Name, Memory]


class StockSync:
    """The relay's side of sync for clients without numbers. `announce` is told of every account that has news."""

    def __init__(self, database: Database, clock: Callable[[], int], announce: Callable[[int], None]) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce

    async def exchange(self, caller: Caller, fields: Fields) -> bytes:
        """Take what a client sends and answer what is new to it, in its dialect. Raises InvalidInput or Problem."""
        now, account = self._clock(), caller.account
        taken = await self._database.write(lambda connection: take(connection, caller, fields, now))
        if taken.changed:
            self._announce(account)
        given = await self._database.scan(lambda connection: gather(connection, account, taken))
        await self._remember(caller, given, taken.stamp)
        return encode_json(answer(taken.dialect, given.holdings, taken.stamp, taken.conflicts, taken.refused))

    async def _remember(self, caller: Caller, given: Given, stamp: int) -> None:
        """Write down what a client is given, in pieces that keep nobody else waiting."""
        names = list(given.rows)
        for start in range(0, max(len(names), 1), REMEMBERED_AT_ONCE):
            piece = {name: given.rows[name] for name in names[start : start + REMEMBERED_AT_ONCE]}
            await self._database.write(partial(remember, caller=caller, given=piece, stamp=stamp))


def take(connection: Connection, caller: Caller, fields: Fields, now: int) -> Taken:
    """Join an upload inside a transaction."""
    account, author = caller.account, caller.author
    check_clock(reading.last_arrival(connection, account), now)
    upload = read_upload(fields, lambda item: _feed_of(connection, account, item), now)
    with Library(connection, account) as library:
        rows = _Rows(connection, library, author, upload, now)
        rows.join()
        stamp = library.stamp(now)
    note_client(connection, caller, now)
    return Taken(
        dialect=upload.dialect,
        since=_effective(upload, storage.stamp_of(connection, account, author)),
        stamp=stamp,
        conflicts=rows.conflicts,
        refused=upload.refused,
        changed=rows.changed,
    )


def gather(connection: Connection, account: int, taken: Taken) -> Given:
    """Read what a client is to be given."""
    after = -1 if taken.since is None else taken.since
    rows: dict[Name, Memory] = {}
    by_kind: defaultdict[type[Value], list[Any]] = defaultdict(list)
    for record in reading.arrived_between(connection, account, after, taken.stamp):
        value = value_of(record)
        by_kind[type(value)].append(value)
        rows[value.kind, value.key] = Memory(given=digest(value), vector=record.vector)
    changed = {value.id: None for value in by_kind[Playlist]} | {v.playlist_id: None for v in by_kind[PlaylistItem]}
    playlists = [found for name in changed if (found := _playlist(connection, account, name)) is not None]
    for playlist, items in playlists:
        name = (playlist.kind, playlist.key)
        rows[name] = replace(rows.get(name, Memory()), given=whole_digest(playlist, items))
    holdings = Holdings(
        is_full=taken.since is None,
        subscriptions=by_kind[Subscription],
        plays=by_kind[PlayStatus],
        likes=by_kind[Like],
        playlists=playlists,
    )
    return Given(holdings, rows)


def remember(connection: Connection, caller: Caller, given: dict[Name, Memory], stamp: int) -> None:
    """Remember what a client was given, and up to where: a later `since` than that it cannot have from us."""
    known = storage.memories(connection, caller.account, caller.author, list(given))
    news = {
        name: Memory(sent=known[name].sent, given=row.given, vector=row.vector)
        for name, row in given.items()
        if (known[name].given, known[name].vector) != (row.given, row.vector)
    }
    storage.remember(connection, caller.account, caller.author, news)
    storage.put_stamp(connection, caller.account, caller.author, stamp)


class _Rows:
    """The rows of an upload on their way into the library."""

    def __init__(self, connection: Connection, library: Library, author: str, upload: Upload, now: int) -> None:
        self._connection = connection
        self._library = library
        self._author = author
        self._upload = upload
        self._now = now
        values = [*upload.subscriptions, *(row.value for row in upload.plays), *upload.likes]
        self._names = [(value.kind, value.key) for value in values]
        self._known = storage.memories(connection, library.account, author, self._names)
        self.changed = False
        self.conflicts: list[Conflict] = []

    def join(self) -> None:
        self._library.read_ahead(self._names)
        before = dict(self._known)
        for value in (*self._upload.subscriptions, *self._upload.likes):
            self._report(value)
        for row in self._upload.plays:
            self._play(row)
        for playlist in self._upload.playlists:
            joined = join_playlist(self._connection, self._library, self._author, playlist, self._now)
            self.changed = joined or self.changed
        news = {name: memory for name, memory in self._known.items() if memory != before[name]}
        storage.remember(self._connection, self._library.account, self._author, news)

    def _report(self, value: Value) -> Saved | None:
        name = (value.kind, value.key)
        memory = self._known[name]

        def write(record: Record | None, dot: Dot) -> Record | None:
            said = report(record, value, dot, memory)
            return cap(said, self._now) if said is not None else None

        saved = self._library.author(name, write, device=self._author, now=self._now)
        self._known[name] = replace(memory, sent=digest(value))
        self._note(saved)
        return saved

    def _play(self, row: PlayRow) -> None:
        stored = self._library.find(row.value.kind, row.value.key)
        saved = self._reset(row.value) if row.reset else self._report(row.value)
        if saved is None or stored is None:
            return
        stood, stands = value_of(stored.record), value_of(saved.change.after)
        if isinstance(stood, PlayStatus) and isinstance(stands, PlayStatus) and _differ(row.value, stood):
            self.conflicts.append(Conflict(row, stood, stands))

    def _reset(self, value: PlayStatus) -> Saved | None:
        name = (value.kind, value.key)
        wish = progress(value.rss_source_feed, value.rss_source_item, position=value.position, played=value.played)
        memory = self._known[name]
        saved = self._library.author(
            name,
            lambda record, dot: act(record, wish, dot, memory, self._now, explicit=True),
            device=self._author,
            now=self._now,
        )
        if saved is not None:
            self._known[name] = after_act(memory, saved, self._author)
        self._note(saved)
        return saved

    def _note(self, saved: Saved | None) -> None:
        self.changed = self.changed or (saved is not None and saved.revision > 0)


def _differ(a: PlayStatus, b: PlayStatus) -> bool:
    return (int(a.position), a.played) != (int(b.position), b.played)


def _effective(upload: Upload, given: int | None) -> int | None:
    """Some clients put their own clock into `since`: what they were not given they lack, whatever they say."""
    return upload.since if upload.since is None or given is None else min(upload.since, given)


def _feed_of(connection: Connection, account: int, item: EpisodeId) -> FeedId | None:
    status = reading.newest_play(connection, account, item)
    return status.rss_source_feed if isinstance(status, PlayStatus) else None


def _playlist(connection: Connection, account: int, name: str) -> tuple[Playlist, list[PlaylistItem]] | None:
    """Return a playlist with its items in order; None when only items of it are known."""
    parent = key_of(Playlist, {"id": name})
    record = reading.find(connection, account, Playlist.kind, parent)
    value = value_of(record) if record else None
    if not isinstance(value, Playlist):
        return None
    items = [
        i for i in reading.listing(connection, account, PlaylistItem, parent=parent) if isinstance(i, PlaylistItem)
    ]
    return value, sorted(items, key=lambda item: item.rank)
