"""Questions to a library: pages that never skip or repeat, tags that tell histories apart, views with real columns."""

from pathlib import Path
from sqlite3 import Connection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balados_shared.cursor import Cursor
from balados_shared.edit import Edit, like, progress, subscribe, unlike, unsubscribe
from balados_shared.ids import FeedId
from balados_shared.kinds import Like, PlayStatus, Subscription
from balados_shared.storage import reading
from balados_shared.storage.library import Library
from support.libraries import open_library, temporary_library
from support.strategies import FEED, ITEM, NOON, OTHER_FEED, OTHER_ITEM

ACCOUNT = 1
FEEDS = [FeedId.of(f"https://example.com/{name}") for name in "abcdef"]


def edited(connection: Connection, *wishes: Edit, now: int = NOON, account: int = ACCOUNT) -> None:
    with Library(connection, account) as library:
        for step, wish in enumerate(wishes):
            library.edit(wish, device="A", now=now + step)


turns = st.tuples(st.sampled_from(FEEDS), st.booleans()).map(
    lambda turn: (subscribe if turn[1] else unsubscribe)(turn[0])
)


@given(st.lists(st.lists(turns, max_size=4), max_size=5), st.integers(1, 3))
@settings(max_examples=25)
def test_paging_never_skips_and_never_repeats(bursts: list[list[Edit]], limit: int) -> None:
    seen: dict[str, int] = {}
    with temporary_library() as connection:
        cursor = Cursor(0, "")
        for burst in [*bursts, []]:
            edited(connection, *burst)
            more = True
            while more:
                page = reading.changes_after(connection, ACCOUNT, cursor.revision, limit)
                revisions = [row.revision for row in page.rows]
                assert len(revisions) <= limit
                assert revisions == sorted(set(revisions))
                assert all(cursor.revision < revision <= page.cursor.revision for revision in revisions)
                assert reading.fits(connection, ACCOUNT, page.cursor)
                seen |= {row.state.decode(): row.revision for row in page.rows}
                cursor, more = page.cursor, page.more
                if not burst and more:
                    continue
        states = dict(connection.execute("SELECT state, revision FROM records").fetchall())
        assert states.items() <= seen.items()
        assert cursor == reading.head(connection, ACCOUNT)


def test_an_empty_library_has_a_page_too(connection: Connection) -> None:
    assert reading.changes_after(connection, ACCOUNT, 0, 10) == reading.Page([], Cursor(0, ""), False)


def test_a_full_page_is_not_more_than_a_page(connection: Connection) -> None:
    edited(connection, *map(subscribe, FEEDS[:3]))
    assert not reading.changes_after(connection, ACCOUNT, 0, 3).more
    page = reading.changes_after(connection, ACCOUNT, 0, 2)
    assert page.more
    assert page.cursor.revision == 2


def test_a_cursor_fits_its_own_history_and_no_other(tmp_path: Path, connection: Connection) -> None:
    edited(connection, *map(subscribe, FEEDS[:3]))
    head = reading.head(connection, ACCOUNT)
    other = open_library(tmp_path / "restored.db")
    # Restored from a copy of revision 1, then another life: the same numbers, another history.
    edited(other, subscribe(FEEDS[0]))
    early = reading.head(other, ACCOUNT)
    edited(other, *map(subscribe, FEEDS[3:5]))
    assert reading.head(other, ACCOUNT).revision == head.revision
    assert not reading.fits(other, ACCOUNT, head)
    assert reading.fits(connection, ACCOUNT, early)
    other.close()


@pytest.mark.parametrize(
    ("cursor", "fits"),
    [
        pytest.param(Cursor(0, ""), True, id="the start"),
        pytest.param(Cursor(9, "ab"), False, id="the future"),
        pytest.param(Cursor(1, "ab"), False, id="another tag"),
        pytest.param(Cursor(10**15 - 1, "\ud800"), False, id="nonsense"),
    ],
)
def test_fits(connection: Connection, cursor: Cursor, fits: bool) -> None:
    edited(connection, subscribe(FEED))
    assert reading.fits(connection, ACCOUNT, cursor) is fits


def test_a_list_holds_what_is_there_newest_first(connection: Connection) -> None:
    edited(connection, *map(subscribe, FEEDS), unsubscribe(FEEDS[2]))
    found = reading.listing(connection, ACCOUNT, Subscription)
    assert [value.key for value in found] == [FEEDS[n] for n in (5, 4, 3, 1, 0)]
    assert reading.listing(connection, ACCOUNT, Subscription, limit=2, offset=1) == found[1:3]
    assert reading.number_of(connection, ACCOUNT, Subscription) == 5
    assert reading.names(connection, ACCOUNT) == [("subscription", FEEDS[n]) for n in (0, 1, 3, 4, 5)]


def test_a_list_of_one_feed_holds_nothing_of_a_feed_that_begins_alike(connection: Connection) -> None:
    longer = FeedId.of(FEED.url + "xyz")
    assert longer.startswith(FEED[:-1])
    edited(connection, *(progress(feed, ITEM, position=1.0) for feed in (FEED, longer, OTHER_FEED)))
    found = reading.listing(connection, ACCOUNT, PlayStatus, parent=FEED)
    assert [value.key for value in found] == [f"{FEED}/{ITEM}"]
    assert reading.number_of(connection, ACCOUNT, PlayStatus, parent=longer) == 1


def test_played_and_not_played_are_told_apart(connection: Connection) -> None:
    edited(connection, progress(FEED, ITEM, played=True), progress(FEED, OTHER_ITEM, position=1.0))
    for where, item in ((reading.PLAYED, ITEM), (reading.NOT_PLAYED, OTHER_ITEM)):
        found = reading.listing(connection, ACCOUNT, PlayStatus, where=where)
        assert [value.key for value in found] == [f"{FEED}/{item}"]
        assert reading.number_of(connection, ACCOUNT, PlayStatus, where=where) == 1


def test_an_episode_without_a_feed_means_the_newest_match(connection: Connection) -> None:
    edited(connection, progress(FEED, ITEM, position=1.0))
    edited(connection, progress(OTHER_FEED, ITEM, position=2.0), now=NOON + 9)
    newest = reading.newest_play(connection, ACCOUNT, ITEM)
    assert newest is not None
    assert newest.key == f"{OTHER_FEED}/{ITEM}"
    assert reading.newest_play(connection, ACCOUNT, OTHER_ITEM) is None


def test_values_come_sorted_as_a_fingerprint_wants_them(connection: Connection) -> None:
    edited(connection, *map(subscribe, reversed(FEEDS)), like(FEEDS[1]), like(FEEDS[0]), unlike(FEEDS[1]))
    names = [(value.kind, value.key) for value in reading.values(connection, ACCOUNT)]
    assert names == sorted(names)
    assert len(names) == 7


def test_the_views_have_real_columns(connection: Connection) -> None:
    edited(connection, subscribe(FEED, title="Zoë"), progress(FEED, ITEM, position=2.5, duration=9.0), like(FEED, ITEM))
    edited(connection, unlike(FEED, ITEM), now=NOON + 10)
    columns = "feed, title, subscribed_at, unsubscribed_at, active"
    assert connection.execute(f"SELECT {columns} FROM subscriptions").fetchall() == [
        (FEED, "Zoë", "2026-01-01T12:00:00.000Z", None, 1)
    ]
    columns = "feed, episode, position, furthest, duration, played, updated_at"
    assert connection.execute(f"SELECT {columns} FROM play_statuses").fetchall() == [
        (FEED, ITEM, 2.5, 2.5, 9.0, 0, "2026-01-01T12:00:00.001Z")
    ]
    assert connection.execute("SELECT feed, episode, unliked_at, active FROM likes").fetchall() == [
        (FEED, ITEM, "2026-01-01T12:00:00.010Z", 0)
    ]
    assert connection.execute("SELECT kind, device, outcome FROM history ORDER BY seq").fetchall() == [
        ("subscription", "A", "applied"),
        ("play_status", "A", "applied"),
        ("like", "A", "applied"),
        ("like", "A", "applied"),
    ]


@pytest.mark.parametrize("kind", [Subscription, PlayStatus, Like])
def test_a_list_uses_an_index(connection: Connection, kind: type[Subscription]) -> None:
    where = reading._filter("parent", None)
    plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT count(*) FROM records {where}", (1, kind.kind, "a", "b"))
    assert all("SEARCH" in row[3] for row in plan.fetchall())


def test_a_sound_file_has_no_damage(connection: Connection) -> None:
    assert reading.damage(connection) is None
