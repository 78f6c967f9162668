"""The queue (DESIGN.md section 4): nothing is dropped, and only the version that was sent is acknowledged."""

from sqlite3 import Connection

import pytest

from balados_shared.edit import Edit, subscribe, unsubscribe
from balados_shared.storage import queue, reading
from balados_shared.storage.library import Library
from balados_shared.storage.queue import FAR, Letter, Summary
from balados_shared.times import DAY
from support.strategies import FEED, NOON, OTHER_FEED

ACCOUNT = 1


def queued(
    connection: Connection, wish: Edit, *, now: int = NOON, due: int | None = None, account: int = ACCOUNT
) -> None:
    with Library(connection, account) as library:
        saved = library.edit(wish, device="A", now=now)
        assert saved is not None
        library.flush()
        queue.put(connection, account, [(saved.id, now if due is None else due)], now=now)


def letters(connection: Connection, now: int = NOON, account: int = ACCOUNT) -> list[Letter]:
    return queue.letters(connection, account, now=now, limit=100)


def test_a_letter_is_the_stored_form_of_its_record(connection: Connection) -> None:
    queued(connection, subscribe(FEED))
    (letter,) = letters(connection)
    (row,) = reading.changes_after(connection, ACCOUNT, 0, 9).rows
    assert (letter.plural, letter.state) == (row.plural, row.state)
    assert (letter.kind, letter.key) == ("subscription", FEED)


def test_an_acknowledgement_takes_off_what_was_sent(connection: Connection) -> None:
    queued(connection, subscribe(FEED))
    queued(connection, subscribe(OTHER_FEED))
    queue.acknowledge(connection, letters(connection)[:1])
    assert [letter.key for letter in letters(connection)] == [OTHER_FEED]


def test_what_changed_since_it_was_sent_stays(connection: Connection) -> None:
    queued(connection, subscribe(FEED))
    sent = letters(connection)
    queued(connection, unsubscribe(FEED), now=NOON + 1)
    queue.acknowledge(connection, sent)
    (left,) = letters(connection, NOON + 1)
    assert left.version == sent[0].version + 1
    assert b"unsubscribed_at" in left.state
    queue.acknowledge(connection, [left])
    assert queue.summary(connection, ACCOUNT) == Summary(0, None, 0)


def test_a_refusal_of_an_old_version_parks_nothing(connection: Connection) -> None:
    queued(connection, subscribe(FEED))
    (sent,) = letters(connection)
    queued(connection, unsubscribe(FEED), now=NOON + 1)
    queue.park(connection, sent, error="no")
    assert len(letters(connection, NOON + 1)) == 1


def test_a_parked_row_is_visible_and_waits_for_a_retry(connection: Connection) -> None:
    queued(connection, subscribe(FEED))
    queued(connection, subscribe(OTHER_FEED))
    queue.park(connection, letters(connection)[0], error="it does not fit")
    assert [letter.key for letter in letters(connection)] == [OTHER_FEED]
    parked, waiting = queue.waiting(connection, ACCOUNT)
    assert (parked.key, parked.parked, parked.error, parked.attempts) == (FEED, True, "it does not fit", 1)
    assert (waiting.parked, waiting.error) == (False, None)
    assert queue.summary(connection, ACCOUNT) == Summary(2, NOON, 1)
    assert queue.retry(connection, ACCOUNT, now=NOON + 5) == 1
    assert len(letters(connection, NOON + 5)) == 2


def test_a_parked_row_that_is_changed_gets_another_chance(connection: Connection) -> None:
    queued(connection, subscribe(FEED))
    queue.park(connection, letters(connection)[0], error="no")
    queued(connection, unsubscribe(FEED), now=NOON + 1)
    assert [row.error for row in queue.waiting(connection, ACCOUNT)] == [None]
    assert len(letters(connection, NOON + 1)) == 1


def test_a_failed_attempt_is_noted_and_nothing_is_dropped(connection: Connection) -> None:
    queued(connection, subscribe(FEED))
    for _ in range(50):
        queue.postpone(connection, letters(connection), error="no network")
    (row,) = queue.waiting(connection, ACCOUNT)
    assert (row.attempts, row.error, row.parked, row.since) == (50, "no network", False, NOON)


@pytest.mark.parametrize(
    ("due", "sent"),
    [
        pytest.param(0, True, id="now"),
        pytest.param(1, False, id="in a moment"),
        pytest.param(FAR, False, id="as late as can be"),
        pytest.param(FAR + 1, True, id="later than can be: the clock was set back"),
        pytest.param(400 * DAY, True, id="next year: the clock was set back"),
    ],
)
def test_what_is_due(connection: Connection, due: int, sent: bool) -> None:
    queued(connection, subscribe(FEED), due=NOON + due)
    assert bool(letters(connection)) is sent
    expected = NOON if due > FAR else NOON + due
    assert queue.next_due(connection, ACCOUNT, now=NOON) == expected


def test_an_earlier_due_time_stands(connection: Connection) -> None:
    queued(connection, subscribe(FEED), due=NOON)
    queued(connection, unsubscribe(FEED), now=NOON + 1, due=NOON + FAR)
    assert queue.next_due(connection, ACCOUNT, now=NOON) == NOON
    assert queue.next_due(connection, 2, now=NOON) is None


def test_the_longest_waiting_goes_first_and_a_page_is_a_page(connection: Connection) -> None:
    queued(connection, subscribe(FEED), due=NOON)
    queued(connection, subscribe(OTHER_FEED), due=NOON - 5)
    assert [letter.key for letter in letters(connection)] == [OTHER_FEED, FEED]
    assert [letter.key for letter in queue.letters(connection, ACCOUNT, now=NOON, limit=1)] == [OTHER_FEED]


def test_a_relay_that_does_not_know_us_gets_everything(connection: Connection) -> None:
    queued(connection, subscribe(FEED))
    sent = letters(connection)
    queued(connection, subscribe(OTHER_FEED))
    queue.acknowledge(connection, letters(connection)[1:])
    queue.put_everything(connection, ACCOUNT, now=NOON + 9)
    assert {letter.key for letter in letters(connection, NOON + 9)} == {FEED, OTHER_FEED}
    queue.acknowledge(connection, sent)  # from the round before: it went to the relay that is gone
    assert len(letters(connection, NOON + 9)) == 2


def test_accounts_are_apart(connection: Connection) -> None:
    queued(connection, subscribe(FEED))
    queued(connection, subscribe(FEED), account=2)
    queue.park(connection, letters(connection)[0], error="no")
    assert len(letters(connection, account=2)) == 1
    assert queue.retry(connection, 2, now=NOON) == 0
    queue.put_everything(connection, 2, now=NOON)
    assert queue.summary(connection, ACCOUNT) == Summary(1, NOON, 1)
    assert queue.summary(connection, 2) == Summary(1, NOON, 0)
    assert len(queue.waiting(connection, 2)) == 1
