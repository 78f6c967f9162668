"""Update messages, made once for all who stand at the same place."""

from typing import Any, cast

import msgspec

from balados_shared.cursor import Cursor
from balados_shared.http.access import LibraryAccess
from balados_shared.http.hub import Hub
from balados_shared.http.updates import FRESH, MAX_KEPT, MAX_SHARED_BYTES, Update
from balados_shared.storage.reading import Page, Row
from support.strategies import NOON

START = Cursor(0, "")


class Library:
    """A library that counts how often it is read."""

    def __init__(self, size: int = 10) -> None:
        self.reads = 0
        self.revision = 1
        self.size = size

    def changes_after(self, revision: int, limit: int) -> Page:
        self.reads += 1
        state = msgspec.json.encode({"title": "x" * self.size})
        rows = [Row("subscriptions", state, self.revision)] if revision < self.revision else []
        return Page(rows, Cursor(self.revision, "tag"), False)


def after(hub: Hub, library: Library, cursor: Cursor = START, *, account: int = 1, now: int = NOON) -> Update:
    return hub.updates.after(account, cast("LibraryAccess", library), cursor, now)


def cursor_of(update: Update) -> str:
    assert update.text is not None
    frame: dict[str, Any] = msgspec.json.decode(update.text)
    return str(frame["cursor"])


def test_many_at_one_place_cost_one_read() -> None:
    hub, library = Hub(), Library()
    assert {after(hub, library).text for _ in range(1_000)} == {after(hub, library).text}
    assert library.reads == 1


def test_news_are_read_anew() -> None:
    hub, library = Hub(), Library()
    after(hub, library)
    library.revision = 2
    hub.announce(1)
    assert cursor_of(after(hub, library)) == "2.tag"


def test_news_of_one_account_leave_the_others_alone_and_none_sees_anothers() -> None:
    hub, mine, theirs = Hub(), Library(), Library()
    theirs.revision = 7
    assert cursor_of(after(hub, mine)) == "1.tag"
    assert cursor_of(after(hub, theirs, account=2)) == "7.tag"
    hub.announce(2)
    after(hub, mine)
    assert mine.reads == 1


def test_a_message_carries_the_time_so_it_is_not_shared_for_long() -> None:
    hub, library = Hub(), Library()
    after(hub, library)
    after(hub, library, now=NOON + FRESH - 1)
    assert library.reads == 1
    after(hub, library, now=NOON + FRESH)
    after(hub, library, now=NOON - 1)  # the clock was set back
    assert library.reads == 3


def test_where_nothing_changed_there_is_nothing_to_say() -> None:
    update = after(Hub(), Library(), Cursor(1, "tag"))
    assert (update.text, update.cursor, update.more) == (None, Cursor(1, "tag"), False)


def test_what_is_kept_is_bounded() -> None:
    hub, library, long = Hub(), Library(), Library(MAX_SHARED_BYTES)
    for account in range(2 * MAX_KEPT):
        after(hub, library, account=account)
    assert len(hub.updates._kept) == MAX_KEPT
    after(hub, long, account=-1)
    after(hub, long, account=-1)
    assert long.reads == 2
