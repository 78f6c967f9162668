"""The `sync_update` messages, each made once for all who stand at the same place of the same library.

Law: a page that is shared was true a moment ago. What came since is behind its cursor, and whoever is told the page
reads on from there; so nobody can miss anything by sharing.
"""

from msgspec import Struct

from balados_shared.cursor import Cursor
from balados_shared.http.access import LibraryAccess
from balados_shared.times import SECOND, Instant
from balados_shared.wire import encode_answer

PAGE = 500
"""Records in one message."""

FRESH = SECOND
"""How long a message may be shared: it carries the time, by which devices correct their clocks."""

MAX_KEPT = 64
MAX_SHARED_BYTES = 65_536


class Update(Struct, frozen=True):
    """One message: its text (None where nothing changed), the cursor behind it, and whether there is more."""

    text: str | None
    cursor: Cursor
    more: bool


class Updates:
    """The last messages, by account and place."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, Cursor], tuple[int, Update]] = {}

    def after(self, account: int, library: LibraryAccess, cursor: Cursor, now: int) -> Update:
        """Return what follows on a cursor. `now` is in milliseconds."""
        made, update = self._kept.get((account, cursor), (0, None))
        if update is not None and 0 <= now - made < FRESH:
            return update
        update = _read(library, cursor, now)
        self._keep(account, cursor, now, update)
        return update

    def forget(self, account: int) -> None:
        """Read this account's library anew from now on: it has news."""
        for key in [key for key in self._kept if key[0] == account]:
            del self._kept[key]

    def _keep(self, account: int, cursor: Cursor, now: int, update: Update) -> None:
        if update.text is None or len(update.text) > MAX_SHARED_BYTES:
            return
        while len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[account, cursor] = now, update


def _read(library: LibraryAccess, cursor: Cursor, now: int) -> Update:
    page = library.changes_after(cursor.revision, PAGE)
    if not page.rows:
        return Update(None, page.cursor, page.more)
    frame = {"type": "sync_update", "after": cursor.write(), "cursor": page.cursor.write(), "synced_at": Instant(now)}
    return Update(encode_answer(frame, page.rows).decode(), page.cursor, page.more)
