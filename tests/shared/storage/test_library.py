"""The library (DESIGN.md sections 3 to 5) over a real file: one change, one transaction."""

from collections.abc import Callable, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balados_shared.cursor import Cursor, next_tag
from balados_shared.edit import Edit, progress, subscribe, unsubscribe
from balados_shared.errors import InvalidInput
from balados_shared.fingerprint import fingerprint
from balados_shared.kinds import PlayStatus, Subscription
from balados_shared.record import Head, Record, merge
from balados_shared.storage import counts, log, reading
from balados_shared.storage.checkpoints import wrong_records
from balados_shared.storage.database import Database
from balados_shared.storage.library import Library, Saved
from balados_shared.storage.migrate import Schema
from balados_shared.storage.reader import LibraryReader
from balados_shared.times import DAY, Instant
from balados_shared.wire import MAX_NUMBER, encode_record
from support.libraries import temporary_library
from support.strategies import DEVICES, FEED, ITEM, NOON, OTHER_FEED, History, histories, values

ACCOUNT = 1


def edited(connection: Connection, *wishes: Edit, device: str = "A", now: int = NOON, account: int = ACCOUNT) -> None:
    with Library(connection, account) as library:
        for wish in wishes:
            assert library.edit(wish, device=device, now=now) is not None


def joined(connection: Connection, *incoming: Record, now: int = NOON, account: int = ACCOUNT) -> list[Saved]:
    with Library(connection, account) as library:
        return library.join_all(incoming, now=now)


def rows(connection: Connection, table: str) -> list[Any]:
    return connection.execute(f"SELECT * FROM {table}").fetchall()


def everything(connection: Connection) -> dict[str, list[Any]]:
    return {table: rows(connection, table) for table in ("libraries", "records", "events", "tags", "counts", "queue")}


def subscription(device: str, number: int, at: int = 0, **fields: Any) -> Record:
    value = Subscription(rss_source_feed=FEED, subscribed_at=Instant(NOON + at), **fields)
    return Record.of([Head(device, number, value)], {})


def test_each_change_writes_record_event_revision_and_tag(connection: Connection) -> None:
    edited(connection, subscribe(FEED, title="x"))
    edited(connection, progress(FEED, ITEM, position=9.0), now=NOON + 5)
    record = reading.find(connection, ACCOUNT, "subscription", FEED)
    status = reading.find(connection, ACCOUNT, "play_status", f"{FEED}/{ITEM}")
    assert record is not None
    assert status is not None
    first = next_tag("", encode_record(record))
    second = next_tag(first, encode_record(status))
    assert rows(connection, "tags") == [(ACCOUNT, 1, first, NOON), (ACCOUNT, 2, second, NOON + 5)]
    assert [(event.revision, event.kind) for event in log.latest(connection, ACCOUNT)] == [
        (2, "play_status"),
        (1, "subscription"),
    ]
    assert reading.head(connection, ACCOUNT) == Cursor(2, second)
    assert connection.execute("SELECT revision, time, present FROM records").fetchall() == [
        (1, NOON, 1),
        (2, NOON + 5, 1),
    ]


def test_a_failure_in_the_middle_leaves_nothing(connection: Connection) -> None:
    edited(connection, subscribe(FEED))
    before = everything(connection)
    connection.execute("BEGIN")
    with pytest.raises(InvalidInput), Library(connection, ACCOUNT) as library:
        library.edit(unsubscribe(FEED), device="A", now=NOON + 1)
        library.edit(progress(FEED, ITEM, position=-1.0), device="A", now=NOON + 1)
    connection.execute("ROLLBACK")
    assert everything(connection) == before


def test_an_edit_that_changes_nothing_takes_no_number_and_no_revision(connection: Connection) -> None:
    edited(connection, subscribe(FEED))
    before = everything(connection)
    with Library(connection, ACCOUNT) as library:
        assert library.edit(subscribe(FEED), device="B", now=NOON + 9) is None
    assert everything(connection) == before


@given(histories())
@settings(max_examples=20)
def test_joining_a_repeat_changes_nothing_and_takes_no_revision(history: History) -> None:
    with temporary_library() as connection:
        joined(connection, *history.states)
        before = everything(connection)
        again = joined(connection, *reversed(history.states), now=NOON + DAY)
        assert all(done.revision == 0 for done in again)
        assert everything(connection) == before


def test_a_state_that_contradicts_ours_changes_nothing_and_is_refused(connection: Connection) -> None:
    value = Subscription(rss_source_feed=FEED, subscribed_at=Instant(NOON))
    ours = Record.of([Head("A", 1, value)], {"B": 1})
    joined(connection, ours)
    before = everything(connection)
    (done,) = joined(connection, Record.of([Head("B", 1, value)], {"A": 1}))
    assert (done.change.outcome, done.revision) == ("refused", 0)
    assert everything(connection) == before


def test_a_device_numbers_upwards_also_when_its_clock_runs_back(connection: Connection) -> None:
    for step, now in enumerate([NOON, NOON - DAY, NOON + 1, 0]):
        edited(connection, progress(FEED, ITEM, position=float(step + 1)), now=now)
    numbers = [event.number for event in log.of_record(connection, ACCOUNT, "play_status", f"{FEED}/{ITEM}")]
    assert numbers == sorted(set(numbers))
    assert counts.load(connection, ACCOUNT, "A") == numbers[-1]


def test_a_device_numbers_above_what_only_the_record_remembers(connection: Connection) -> None:
    joined(connection, subscription("A", NOON + DAY))
    edited(connection, unsubscribe(FEED))
    assert counts.load(connection, ACCOUNT, "A") == NOON + DAY + 1


def test_a_count_only_grows(connection: Connection) -> None:
    for number in (5, 3):
        counts.save(connection, ACCOUNT, "A", number)
    assert counts.load(connection, ACCOUNT, "A") == 5


def test_arrival_stamps_grow_also_when_the_clock_stands_still_or_runs_back(connection: Connection) -> None:
    edited(connection, subscribe(FEED), subscribe(OTHER_FEED))
    edited(connection, unsubscribe(FEED), now=NOON - DAY)
    assert [row[3] for row in rows(connection, "tags")] == [NOON, NOON + 1, NOON + 2]


def test_a_join_of_what_was_made_apart_keeps_both_and_logs_the_loser(connection: Connection) -> None:
    edited(connection, subscribe(FEED, title="ours"), now=NOON + 5)
    (done,) = joined(connection, subscription("B", 1, 0, title="theirs"))
    assert (done.change.outcome, done.change.rule, len(done.change.after.heads)) == ("merged", "latest", 2)
    last = log.latest(connection, ACCOUNT, limit=1)[0]
    assert (last.outcome, last.device, last.after["title"]) == ("merged", "B", "ours")
    assert not list(wrong_records(connection, ACCOUNT))


@given(histories().filter(lambda history: history.states), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_the_library_is_the_same_whatever_the_order_of_joins(history: History, random: Any) -> None:
    states = history.states
    prints = []
    for order in (states, states[::-1], random.sample(states * 2, len(states) * 2)):
        with temporary_library() as connection:
            joined(connection, *order[: len(order) // 2])
            joined(connection, *order[len(order) // 2 :])
            assert not list(wrong_records(connection, ACCOUNT))
            prints.append(
                (
                    fingerprint(reading.values(connection, ACCOUNT)),
                    reading.find(connection, ACCOUNT, states[0].kind, states[0].key),
                )
            )
    assert prints[0] == prints[1] == prints[2]


def test_accounts_are_strictly_apart(connection: Connection) -> None:
    edited(connection, subscribe(FEED), progress(FEED, ITEM, position=1.0))
    edited(connection, subscribe(FEED, title="theirs"), subscribe(OTHER_FEED), account=2, device="B", now=NOON + 9)
    questions: list[Callable[[int], Any]] = [
        lambda account: reading.names(connection, account),
        lambda account: reading.listing(connection, account, Subscription),
        lambda account: reading.number_of(connection, account, Subscription),
        lambda account: reading.changes_after(connection, account, 0, 10),
        lambda account: reading.find(connection, account, "play_status", f"{FEED}/{ITEM}"),
        lambda account: reading.newest_play(connection, account, ITEM),
        lambda account: list(reading.values(connection, account)),
        lambda account: log.latest(connection, account),
        lambda account: log.of_record(connection, account, "subscription", FEED),
        lambda account: log.find(connection, account, 3),
        lambda account: counts.load(connection, account, "B"),
        lambda account: reading.head(connection, account),
        lambda account: reading.last_arrival(connection, account),
    ]
    for question in questions:
        assert question(1) != question(2)
        assert not question(3) or question(3) in (Cursor(0, ""), reading.Page([], Cursor(0, ""), False))
    assert reading.newest_play(connection, 2, ITEM) is None
    assert log.find(connection, 1, 3) is None
    assert not reading.fits(connection, 2, reading.head(connection, 1))


def test_reading_ahead_and_one_by_one_decide_alike(connection: Connection) -> None:
    feeds = [f"https://example.com/{number}" for number in range(1_100)]
    wishes = [subscribe(type(FEED).of(url)) for url in feeds]
    edited(connection, *wishes)
    with Library(connection, ACCOUNT) as library:
        library.read_ahead([("subscription", wish.key) for wish in wishes] + [("like", "nobody")])
        found = [library.find("subscription", wish.key) for wish in wishes]
        assert library.find("like", "nobody") is None
    assert all(stored is not None for stored in found)
    assert reading.number_of(connection, ACCOUNT, Subscription) == 1_100


def test_a_record_is_changed_twice_in_one_transaction(connection: Connection) -> None:
    edited(connection, subscribe(FEED), unsubscribe(FEED), subscribe(FEED))
    record = reading.find(connection, ACCOUNT, "subscription", FEED)
    assert record is not None
    assert record.name.present
    assert len(log.of_record(connection, ACCOUNT, "subscription", FEED)) == 3


def test_a_null_preference_can_be_read_again(connection: Connection) -> None:
    wish = Edit(kind="preference", name={"rss_source_feed": None, "name": "speed"}, sets={"value": None})
    edited(connection, wish)
    assert reading.find(connection, ACCOUNT, "preference", "/speed") is not None


def test_null_bytes_and_huge_numbers_are_stored_whole(connection: Connection) -> None:
    value = Subscription(rss_source_feed=FEED, subscribed_at=Instant(NOON), title="a\x00b", extra={"n": 10**30})
    record = Record.of([Head("A", MAX_NUMBER, value)], {})
    joined(connection, record)
    assert reading.find(connection, ACCOUNT, "subscription", FEED) == record


def test_stretches_keep_what_each_report_knew(connection: Connection) -> None:
    def report(number: int, vector: dict[str, int]) -> Record:
        value = PlayStatus(
            rss_source_feed=FEED,
            rss_source_item=ITEM,
            position=float(number),
            played=False,
            updated_at=Instant(NOON + number * 1_000),
        )
        return Record.of([Head("A", number, value)], vector)

    joined(connection, report(1, {}))
    for step in (report(2, {}), report(3, {"B": 7}), report(4, {})):
        joined(connection, step)
    assert not list(wrong_records(connection, ACCOUNT))
    record = reading.find(connection, ACCOUNT, "play_status", f"{FEED}/{ITEM}")
    assert record is not None
    assert record.vector == {"A": 4, "B": 7}


@given(st.lists(st.tuples(st.sampled_from(DEVICES), values(Subscription)), min_size=1, max_size=5))
@settings(max_examples=20)
def test_what_the_library_holds_is_the_join_of_all_that_came(told: Sequence[tuple[str, Subscription]]) -> None:
    states = [Record.of([Head(device, n, value)], {}) for n, (device, value) in enumerate(told, 1)]
    whole = states[0]
    for state in states[1:]:
        whole = merge(whole, state)
    with temporary_library() as connection:
        joined(connection, *states)
        assert reading.find(connection, ACCOUNT, "subscription", FEED) == whole


async def test_it_works_through_the_database_with_the_shipped_schema(tmp_path: Path) -> None:
    database = await Database.open(
        tmp_path / "data" / "library.db", [Schema("library", "balados_shared.storage.schema")]
    )
    try:
        await database.write(
            lambda connection: edited(connection, subscribe(FEED, title="x"), progress(FEED, ITEM, position=3.0))
        )
        reader = LibraryReader(database, ACCOUNT)
        assert [found.title for found in reader.subscriptions()] == ["x"]
        status = reader.play_status(ITEM)
        assert status == reader.play_status(ITEM, FEED)
        assert status is not None
        assert reader.play_statuses(feed=FEED, played=False, limit=9, offset=0) == ([status], 1)
        assert reader.play_statuses(feed=None, played=True, limit=9, offset=0) == ([], 0)
        assert reader.fits(reader.head())
        assert len(await reader.fingerprint()) == 64
        with pytest.raises(InvalidInput):
            await database.write(lambda connection: edited(connection, progress(FEED, ITEM, position=-1.0)))
        assert reader.head().revision == 2
    finally:
        await database.close()
