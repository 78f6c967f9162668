"""One exchange with a device: what it sends is joined in, and it gets what it lacks.

Law: an exchange is one transaction. Sending twice is harmless, and the answer's cursor stands for exactly what the
device has after storing the answer (DESIGN.md section 4, "Sync request").
"""

from collections.abc import Callable, Sequence
from sqlite3 import Connection

from msgspec import Struct

from balados_relay.storage import accounts as storage
from balados_relay.storage.accounts import Counter
from balados_shared import problems
from balados_shared.clock import cap
from balados_shared.clones import Seen, is_clone
from balados_shared.cursor import Cursor
from balados_shared.events import Verdict, verdict
from balados_shared.http.access import Exchanged
from balados_shared.record import Record
from balados_shared.storage import reading
from balados_shared.storage.database import Database
from balados_shared.storage.library import Library, Saved
from balados_shared.storage.reading import Page, Row
from balados_shared.times import DAY, HOUR, Instant
from balados_shared.wire import MAX_PULL, SyncRequest, encode_answer, encode_record


class Sender(Struct, frozen=True):
    """Whose device sends: the account, and the app whose key signed the request."""

    account: int
    app_id: str
    device_name: str


class Arrivals:
    """The relay's side of sync. `announce` is told of every account that has news, after the commit."""

    def __init__(self, database: Database, clock: Callable[[], int], announce: Callable[[int], None]) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce

    def now(self) -> int:
        """Return the relay's time in milliseconds."""
        return self._clock()

    async def exchange(self, sender: Sender, request: SyncRequest) -> Exchanged:
        """Take what a device sends and answer what it lacks.

        Raises Problem: 400 for a cursor that cannot be one, 409 CURSOR_UNKNOWN when it belongs to another history (the
        device then starts over), 503 RELAY_CLOCK_BEHIND when the relay's own clock is wrong.
        """
        now = self._clock()
        answer, news = await self._database.write(lambda connection: exchange(connection, sender, request, now))
        if news:
            self._announce(sender.account)
        return answer

    async def preview(self, account: int, cursor: str) -> bytes:
        """Answer a page of the library to somebody who only looks (`balados pair --dry-run`)."""
        at = _fitting(lambda c: self._database.read(lambda conn: reading.fits(conn, account, c)), cursor)
        page = self._database.read(lambda conn: reading.changes_after(conn, account, at.revision, MAX_PULL))
        return _answer(page.rows, page, [], now=self._clock(), clone=False)


def exchange(connection: Connection, sender: Sender, request: SyncRequest, now: int) -> tuple[Exchanged, bool]:
    """Do one exchange inside a transaction; also say whether others have news."""
    account = sender.account
    check_clock(reading.last_arrival(connection, account), now)
    cursor = _fitting(lambda c: reading.fits(connection, account, c), request.cursor)
    with Library(connection, account) as library:
        saved = _join(library, request.records, now)
    page = reading.changes_after(connection, account, cursor.revision, MAX_PULL)
    clone = _meet(connection, sender, request, cursor, now)
    verdicts = [*request.refused, *(v for done in saved if (v := verdict(done.change)) is not None)]
    body = _answer(_rows(page, saved), page, verdicts, now=now, clone=clone)
    return Exchanged(body, page.cursor, page.more), any(done.revision for done in saved)


def check_clock(last_arrival: int, now: int) -> None:
    """Raise Problem 503 when the relay's clock is more than a day behind its last arrival (DESIGN.md section 5)."""
    if now < last_arrival - DAY:
        raise problems.unavailable(
            "RELAY_CLOCK_BEHIND",
            "This relay's clock is more than a day behind what it stored last. Set its clock; nothing is lost.",
            retry_after=HOUR // 1_000,
        )


def _fitting(fits: Callable[[Cursor], bool], text: str) -> Cursor:
    cursor = Cursor.read(text)
    if cursor is None or not fits(cursor):
        raise problems.conflict("CURSOR_UNKNOWN", "This relay does not know that cursor; start over with an empty one.")
    return cursor


def _join(library: Library, records: Sequence[Record], now: int) -> list[Saved]:
    library.read_ahead([(record.kind, record.key) for record in records])
    return [
        library.join(capped, now=now, rule="clock_capped" if capped is not record else None)
        for record in records
        for capped in [cap(record, now)]
    ]


def _rows(page: Page, saved: Sequence[Saved]) -> list[Row]:
    """Answer the page and what became of each record that was sent; not again what stands exactly as it was sent."""
    as_sent = {done.revision for done in saved if _stands_as_sent(done)}
    rows = [row for row in page.rows if row.revision not in as_sent]
    listed = {row.revision for row in rows}
    rows += [
        Row(done.change.after.name.plural, encode_record(done.change.after), done.revision)
        for done in saved
        if not _stands_as_sent(done) and done.revision not in listed
    ]
    return rows


def _stands_as_sent(done: Saved) -> bool:
    return done.change.after == done.change.incoming and done.change.rule != "clock_capped"


def _answer(rows: Sequence[Row], page: Page, verdicts: Sequence[Verdict], *, now: int, clone: bool) -> bytes:
    frame = {"synced_at": Instant(now), "cursor": page.cursor.write(), "more": page.more}
    if verdicts:
        frame["verdicts"] = verdicts
    if clone:
        frame["clone"] = True
    return encode_answer(frame, rows)


def _meet(connection: Connection, sender: Sender, request: SyncRequest, cursor: Cursor, now: int) -> bool:
    """Note that this device was here; return whether it is another machine than the one we know by its id."""
    known = storage.get_counter(connection, sender.account, request.device_id)
    seen = Seen(known.count, known.run) if known else None
    if is_clone(seen, count=request.count, runs=request.runs, starts_over=cursor.revision == 0):
        return True
    counter = Counter(
        device_id=request.device_id,
        app_id=sender.app_id,
        name=sender.device_name,
        count=request.count,
        run=request.runs[-1] if request.runs else "",
        cursor=request.cursor,
        last_seen=now,
    )
    storage.put_counter(connection, sender.account, counter)
    return False
