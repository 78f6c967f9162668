"""Checkpoints (DESIGN.md section 5, "Retention"): records = checkpoint + log, at any moment."""

from sqlite3 import Connection
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from balados_shared.edit import progress, subscribe, unsubscribe
from balados_shared.kinds import PlayStatus, Subscription
from balados_shared.storage import log, reading
from balados_shared.storage.checkpoints import KEPT, fold, wrong_records
from balados_shared.storage.library import Library
from balados_shared.times import DAY
from support.libraries import temporary_library
from support.strategies import DEVICES, FEED, ITEM, NOON, OTHER_FEED, positions, records

ACCOUNT = 1


def wrong(connection: Connection, account: int = ACCOUNT) -> list[tuple[str, str]]:
    return list(wrong_records(connection, account))


steps = st.one_of(
    st.tuples(st.just("play"), st.sampled_from(DEVICES), positions),
    st.tuples(st.just("subscribe"), st.sampled_from(DEVICES), st.booleans()),
    st.tuples(st.just("join"), st.just(""), records(PlayStatus) | records(Subscription)),
    st.tuples(st.just("fold"), st.just(""), st.integers(1, 4)),
)


def take(connection: Connection, step: tuple[str, str, Any], now: int) -> None:
    what, device, argument = step
    if what == "fold":
        fold(connection, ACCOUNT, now=now + 20 * DAY, limit=argument)
        return
    with Library(connection, ACCOUNT) as library:
        if what == "join":
            library.join(argument, now=now)
        elif what == "play":
            library.edit(progress(FEED, ITEM, position=argument), device=device, now=now)
        else:
            library.edit((subscribe if argument else unsubscribe)(FEED), device=device, now=now)


@given(st.lists(st.tuples(steps, st.sampled_from([1_000, 10_000, 10 * DAY])), max_size=12))
@settings(max_examples=60)
def test_the_records_are_always_the_checkpoint_and_the_log(life: list[tuple[tuple[str, str, Any], int]]) -> None:
    now = NOON
    with temporary_library() as connection:
        for step, passed in life:
            now += passed
            take(connection, step, now)
            assert not wrong(connection)
        before = [row.state for row in reading.changes_after(connection, ACCOUNT, 0, 99).rows]
        while fold(connection, ACCOUNT, now=now + 400 * DAY, limit=2):
            assert not wrong(connection)
        assert log.latest(connection, ACCOUNT) == []
        assert [row.state for row in reading.changes_after(connection, ACCOUNT, 0, 99).rows] == before


def test_only_what_is_older_than_45_days_is_folded(connection: Connection) -> None:
    with Library(connection, ACCOUNT) as library:
        library.edit(subscribe(FEED), device="A", now=NOON)
        library.edit(subscribe(OTHER_FEED), device="A", now=NOON + DAY)
    assert fold(connection, ACCOUNT, now=NOON + KEPT) == 0
    assert fold(connection, ACCOUNT, now=NOON + KEPT + 1) == 1
    assert [event.key for event in log.latest(connection, ACCOUNT)] == [OTHER_FEED]
    assert not wrong(connection)


def test_a_fold_touches_one_account(connection: Connection) -> None:
    for account in (1, 2):
        with Library(connection, account) as library:
            library.edit(subscribe(FEED), device="A", now=NOON)
    assert fold(connection, 1, now=NOON + 2 * KEPT) == 1
    assert len(log.latest(connection, 2)) == 1
    assert not wrong(connection, 1)
    assert not wrong(connection, 2)


def test_a_record_that_was_tampered_with_is_named(connection: Connection) -> None:
    with Library(connection, ACCOUNT) as library:
        library.edit(subscribe(FEED, title="x"), device="A", now=NOON)
    connection.execute("""UPDATE records SET state = replace(state, '"x"', '"y"')""")
    assert wrong(connection) == [("subscription", FEED)]


def test_a_lost_line_of_the_log_is_noticed(connection: Connection) -> None:
    with Library(connection, ACCOUNT) as library:
        library.edit(subscribe(FEED), device="A", now=NOON)
        library.edit(unsubscribe(FEED), device="A", now=NOON + 1)
    connection.execute("DELETE FROM events WHERE seq = 2")
    assert wrong(connection) == [("subscription", FEED)]
