"""Purging in the record store: the deleted are stubs in time, and nobody is told."""

from collections.abc import AsyncIterator
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balados_shared.edit import like, subscribe, unlike, unsubscribe
from balados_shared.fingerprint import fingerprint
from balados_shared.ids import FeedId
from balados_shared.record import Record
from balados_shared.storage import reading
from balados_shared.storage.checkpoints import KEPT, fold, wrong_records
from balados_shared.storage.database import Database
from balados_shared.storage.library import Library
from balados_shared.storage.migrate import Schema
from balados_shared.storage.purge import purge_all, purge_some
from balados_shared.times import DAY
from support.libraries import temporary_library
from support.strategies import FEED, NOON, OTHER_FEED

ACCOUNT = 1
SECRET = "what somebody wrote"
LATER = NOON + KEPT + 2


def dump(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Everything but what purging changes: the states of records and checkpoints."""
    tables = {
        "records": "id, account, kind, key, time, present, revision, arrived",
        "events": "*",
        "tags": "*",
        "libraries": "*",
        "counts": "*",
    }
    return {name: connection.execute(f"SELECT {row} FROM {name}").fetchall() for name, row in tables.items()}


def says_secret(connection: Connection) -> bool:
    return any(SECRET in line for line in connection.iterdump())


def left(connection: Connection, *, feed: FeedId = FEED, now: int = NOON, account: int = ACCOUNT) -> None:
    """Follow a feed, and then no more."""
    with Library(connection, account) as library:
        library.edit(subscribe(feed, title=SECRET, image=SECRET), device="A", now=now)
        library.edit(unsubscribe(feed), device="A", now=now + 1)


def fingerprint_of(connection: Connection, account: int = ACCOUNT) -> str:
    return fingerprint(reading.values(connection, account))


def test_nothing_but_the_states_changes_and_nothing_personal_is_left(connection: Connection) -> None:
    left(connection)
    while fold(connection, ACCOUNT, now=LATER):
        pass
    before, print_before = dump(connection), fingerprint_of(connection)
    assert says_secret(connection)
    assert purge_some(connection, ACCOUNT, now=LATER).number == 1
    assert not says_secret(connection)
    assert (dump(connection), fingerprint_of(connection)) == (before, print_before)
    assert not list(wrong_records(connection, ACCOUNT))
    assert purge_some(connection, ACCOUNT, now=LATER).number == 0


def test_what_is_there_or_was_deleted_lately_stays_whole(connection: Connection) -> None:
    with Library(connection, ACCOUNT) as library:
        library.edit(subscribe(OTHER_FEED, title=SECRET), device="A", now=NOON)
    left(connection)
    fold(connection, ACCOUNT, now=LATER + DAY)
    gone = reading.find(connection, ACCOUNT, "subscription", FEED)
    assert purge_some(connection, ACCOUNT, now=NOON + 1 + KEPT).number == 0
    assert reading.find(connection, ACCOUNT, "subscription", FEED) == gone
    assert purge_some(connection, ACCOUNT, now=NOON + 3 + KEPT).number == 1
    assert says_secret(connection)


def test_a_record_waits_until_its_log_is_folded(connection: Connection) -> None:
    left(connection)
    assert purge_some(connection, ACCOUNT, now=LATER).number == 0
    fold(connection, ACCOUNT, now=LATER, limit=1)
    assert purge_some(connection, ACCOUNT, now=LATER).number == 0
    fold(connection, ACCOUNT, now=LATER)
    assert purge_some(connection, ACCOUNT, now=LATER).number == 1


def test_a_damaged_record_is_not_hidden_by_a_stub(connection: Connection) -> None:
    left(connection)
    left(connection, feed=OTHER_FEED)
    fold(connection, ACCOUNT, now=LATER)
    connection.execute("UPDATE records SET state = replace(state, 'wrote', 'never wrote') WHERE key = ?", (FEED,))
    connection.execute("UPDATE records SET state = '{' WHERE key = ?", (OTHER_FEED,))
    assert purge_some(connection, ACCOUNT, now=LATER).number == 0
    assert len(list(wrong_records(connection, ACCOUNT))) == 2


def test_one_library_is_purged_and_no_other(connection: Connection) -> None:
    for account in (1, 2):
        left(connection, account=account)
        fold(connection, account, now=LATER)
    theirs = reading.find(connection, 2, "subscription", FEED)
    assert purge_some(connection, 1, now=LATER).number == 1
    assert reading.find(connection, 2, "subscription", FEED) == theirs


def test_what_was_purged_can_be_followed_again(connection: Connection) -> None:
    left(connection)
    fold(connection, ACCOUNT, now=LATER)
    purge_some(connection, ACCOUNT, now=LATER)
    with Library(connection, ACCOUNT) as library:
        library.edit(subscribe(FEED, title="again"), device="B", now=LATER)
    (value,) = reading.values(connection, ACCOUNT)
    assert not value.purged
    assert not list(wrong_records(connection, ACCOUNT))


steps = st.one_of(
    st.tuples(st.just("subscription"), st.sampled_from("AB"), st.booleans()),
    st.tuples(st.just("like"), st.sampled_from("AB"), st.booleans()),
    st.tuples(st.just("return"), st.just(""), st.integers(0, 9)),
    st.tuples(st.just("fold"), st.just(""), st.integers(1, 4)),
    st.tuples(st.just("purge"), st.just(""), st.integers(1, 2)),
)
WISHES = {
    ("subscription", True): subscribe(FEED, title=SECRET),
    ("subscription", False): unsubscribe(FEED),
    ("like", True): like(FEED),
    ("like", False): unlike(FEED),
}


@given(st.lists(st.tuples(steps, st.sampled_from([1_000, 20 * DAY])), min_size=4, max_size=16))
@settings(max_examples=60)
def test_records_stay_checkpoint_and_log_whenever_one_purges(life: list[tuple[tuple[str, str, Any], int]]) -> None:
    now = NOON
    old_states: list[Record] = []
    with temporary_library() as connection:
        for (what, device, argument), passed in life:
            now += passed
            before = fingerprint_of(connection)
            if what == "fold":
                fold(connection, ACCOUNT, now=now, limit=argument)
            elif what == "purge":
                purge_some(connection, ACCOUNT, now=now, limit=argument)
            else:
                with Library(connection, ACCOUNT) as library:
                    if what == "return" and old_states:
                        library.join(old_states[argument % len(old_states)], now=now)
                    elif what != "return":
                        saved = library.edit(WISHES[what, argument], device=device, now=now)
                        old_states += [saved.change.after] if saved else []
            if what in ("fold", "purge", "return"):  # nobody did anything: old states bring nothing back
                assert fingerprint_of(connection) == before
            assert not list(wrong_records(connection, ACCOUNT))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "library.db", [Schema("library", "balados_shared.storage.schema")])
    yield database
    await database.close()


async def test_a_whole_library_is_purged_page_by_page(database: Database) -> None:
    def fill(connection: Connection) -> None:
        for number in range(1_200):
            left(connection, feed=FeedId.of(f"https://feeds.example/{number}"), now=NOON + 2 * number)
        while fold(connection, ACCOUNT, now=LATER + DAY):
            pass

    await database.write(fill)
    assert await purge_all(database, ACCOUNT, now=LATER + DAY) == 1_200
    assert await purge_all(database, ACCOUNT, now=LATER + DAY) == 0
    assert not database.read(says_secret)
    assert not database.read(lambda connection: list(wrong_records(connection, ACCOUNT)))


async def test_the_deleted_are_found_over_their_index(database: Database) -> None:
    def plan(connection: Connection) -> str:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        purge_some(connection, ACCOUNT, now=LATER)
        connection.set_trace_callback(None)
        (query,) = [statement for statement in statements if statement.startswith("SELECT id, kind")]
        return str(connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())

    found = await database.write(plan)
    assert "records_gone" in found
    assert "TEMP B-TREE" not in found
