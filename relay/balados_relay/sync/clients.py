"""The library of an account as one client without numbers reads and changes it (`balados_shared.clients`).

Law: what a client was shown it knows from then on. What it read over REST is kept in memory only, and written down
with its next change; forgotten, it merely counts as not seen.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from sqlite3 import Connection
from typing import TypeVar

from msgspec.structs import replace

from balados_relay.accounts.callers import Caller
from balados_relay.storage import accounts
from balados_relay.storage.accounts import Counter
from balados_shared.clients import Memory, act, digest
from balados_shared.edit import Edit
from balados_shared.http.access import Pace
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import Like, PlayStatus, Subscription, Value
from balados_shared.places import Listed, Place
from balados_shared.storage import clients as storage
from balados_shared.storage.clients import Name
from balados_shared.storage.database import Database
from balados_shared.storage.library import Library, Saved
from balados_shared.storage.reader import LibraryReader
from balados_shared.times import HOUR
from balados_shared.uuids import RANDOM_BYTES, new_uuid

MAX_CLIENTS = 1_000
MAX_ROWS = 5_000

V = TypeVar("V", bound=Value)

Shown = Mapping[Name, bytes]
"""The digests of the rows that a client read."""


class Deliveries:
    """What clients have read over REST since their last change, in memory. The longest unused is forgotten first."""

    def __init__(self) -> None:
        self._shown: OrderedDict[tuple[int, str], OrderedDict[Name, bytes]] = OrderedDict()

    def show(self, account: int, author: str, values: Iterable[Value]) -> None:
        """Note what a client was given."""
        rows = self._shown.setdefault((account, author), OrderedDict())
        self._shown.move_to_end((account, author))
        rows.update({(value.kind, value.key): digest(value) for value in values})
        while len(rows) > MAX_ROWS:
            rows.popitem(last=False)
        while len(self._shown) > MAX_CLIENTS:
            self._shown.popitem(last=False)

    def shown(self, account: int, author: str, names: Iterable[Name]) -> Shown:
        """Return what a client last read of these records."""
        rows: Shown = self._shown.get((account, author), {})
        return {name: rows[name] for name in names if name in rows}


class ClientLibrary(LibraryReader):
    """What the shared routes see of a caller's library. `announce` is told of the account that has news."""

    def __init__(
        self,
        database: Database,
        caller: Caller,
        deliveries: Deliveries,
        *,
        now: Callable[[], int],
        announce: Callable[[int], None],
        claim: Callable[[Caller], None],
    ) -> None:
        super().__init__(database, caller.account)
        self._caller = caller
        self._deliveries = deliveries
        self._now = now
        self._announce = announce
        self._claim = claim

    @property
    def user_id(self) -> str:
        return self._caller.user_id

    @property
    def author(self) -> str:
        return self._caller.author

    def new_id(self) -> str:
        return new_uuid(self._now(), secrets.token_bytes(RANDOM_BYTES))

    async def change(self, wish: Edit, pace: Pace = Pace.AT_ONCE) -> bool:
        """Make a change durable. False when there was nothing to change. Raises Problem 401 for a replayed token."""
        return await self.change_all([wish], pace)

    async def change_all(self, wishes: Sequence[Edit], pace: Pace = Pace.AT_ONCE) -> bool:
        """Make several changes in one transaction. False when there was nothing to change."""
        self._claim(self._caller)
        caller, now = self._caller, self._now()
        shown = self._deliveries.shown(caller.account, caller.author, [(wish.kind, wish.key) for wish in wishes])
        changed = await self._database.write(lambda connection: change_all(connection, caller, wishes, shown, now))
        if changed:
            self._announce(caller.account)
        return changed

    def subscriptions(self) -> list[Subscription]:
        """Return what is subscribed to, newest first."""
        return self._given(super().subscriptions())

    def play_statuses(
        self, *, feed: FeedId | None, played: bool | None, limit: int, offset: int
    ) -> tuple[list[PlayStatus], int]:
        """Return a page of play statuses, newest first, and how many there are in all."""
        page, total = super().play_statuses(feed=feed, played=played, limit=limit, offset=offset)
        return self._given(page), total

    def play_status(self, item: EpisodeId, feed: FeedId | None = None) -> PlayStatus | None:
        """Return how far an episode was played. Without a feed the newest match is meant."""
        status = super().play_status(item, feed)
        if status is not None:
            self._given([status])
        return status

    def likes(self, *, limit: int, offset: int) -> list[Like]:
        """Return a page of what is liked, newest first."""
        return self._given(super().likes(limit=limit, offset=offset))

    def listed(
        self, kind: type[V], place: Place, *, limit: int, feed: FeedId | None = None, played: bool | None = None
    ) -> Listed[V]:
        """Return a page of a walk through the values of a kind."""
        found = super().listed(kind, place, limit=limit, feed=feed, played=played)
        self._given(found.values)
        return found

    def _given(self, values: list[V]) -> list[V]:
        self._deliveries.show(self.account, self._caller.author, values)
        return values


class Libraries:
    """The libraries of this relay, as their callers may see and change them (see `ClientLibrary`)."""

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], int],
        announce: Callable[[int], None],
        claim: Callable[[Caller], None],
    ) -> None:
        self._database = database
        self._deliveries = Deliveries()
        self._now = now
        self._announce = announce
        self._claim = claim

    def of(self, caller: Caller) -> ClientLibrary:
        """Return the library of a caller's account."""
        return ClientLibrary(
            self._database, caller, self._deliveries, now=self._now, announce=self._announce, claim=self._claim
        )


def change_all(connection: Connection, caller: Caller, wishes: Sequence[Edit], shown: Shown, now: int) -> bool:
    """Make a client's changes inside a transaction; say whether there was anything to change."""
    account, author = caller.account, caller.author
    known = storage.memories(connection, account, author, [(wish.kind, wish.key) for wish in wishes])
    known |= {name: replace(known[name], given=row) for name, row in shown.items()}
    changed = False
    with Library(connection, account) as library:
        for wish in wishes:
            changed = _change(library, author, wish, known, now) or changed
    storage.remember(connection, account, author, known)
    note_client(connection, caller, now)
    return changed


def _change(library: Library, author: str, wish: Edit, known: dict[Name, Memory], now: int) -> bool:
    name = (wish.kind, wish.key)
    explicit = wish.kind != PlayStatus.kind
    saved = library.author(
        name,
        lambda record, dot: act(record, wish, dot, known[name], now, explicit=explicit),
        device=author,
        now=now,
    )
    if saved is None:
        return False
    known[name] = after_act(known[name], saved, author)
    return saved.revision > 0


def after_act(memory: Memory, saved: Saved, author: str) -> Memory:
    """Return what a client knows after its act: all of it, if nothing else stands beside what it said."""
    after = saved.change.after
    said = next(digest(head.value) for head in saved.change.incoming.heads if head.device == author)
    if [head.device for head in after.heads] == [author]:
        return Memory(sent=said, given=said, vector=after.vector)
    return replace(memory, sent=said)


def note_client(connection: Connection, caller: Caller, now: int) -> None:
    """Let a client be seen among the account's devices; not at each request, which would cost more than it tells."""
    seen = accounts.get_counter(connection, caller.account, caller.author)
    if seen is None or seen.last_seen <= now - HOUR or seen.name != caller.device_name:
        counter = Counter(caller.author, caller.app_id, caller.device_name, 0, "", "", now)
        accounts.put_counter(connection, caller.account, counter)
