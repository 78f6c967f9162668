"""The log (DESIGN.md sections 4 and 6): one line for a stretch of playing, before and after, newest first."""

from sqlite3 import Connection

import pytest

from balados_shared.edit import edit, progress, subscribe, unsubscribe
from balados_shared.events import STRETCH_GAP
from balados_shared.record import Dot
from balados_shared.storage import log
from balados_shared.storage.library import Library
from balados_shared.storage.log import Event
from support.strategies import FEED, ITEM, NOON

ACCOUNT = 1
SECOND = 1_000


def report(connection: Connection, at: int, position: float, device: str = "A") -> None:
    with Library(connection, ACCOUNT) as library:
        library.edit(progress(FEED, ITEM, position=position), device=device, now=NOON + at * SECOND)


def plays(connection: Connection) -> list[Event]:
    return log.of_record(connection, ACCOUNT, "play_status", f"{FEED}/{ITEM}")


def test_a_stretch_of_playing_is_one_line_after_the_one_that_began_it(connection: Connection) -> None:
    for step in range(10):
        report(connection, step * 10, 600.0 + step * 10)
    began, stretch = plays(connection)
    assert (began.reports, began.after["position"]) == (0, 600.0)
    assert (stretch.reports, stretch.revision) == (9, 10)
    assert stretch.before is not None
    assert (stretch.before["position"], stretch.after["position"]) == (600.0, 690.0)
    assert (stretch.time, stretch.arrived) == (NOON + 90 * SECOND, NOON + 90 * SECOND)


@pytest.mark.parametrize(
    ("at", "position", "device"),
    [
        pytest.param(30, 1_800.0, "A", id="a seek forward"),
        pytest.param(30, 0.0, "A", id="a rewind"),
        pytest.param(STRETCH_GAP // SECOND + 21, 30.0, "A", id="a long silence"),
        pytest.param(30, 30.0, "B", id="another device"),
    ],
)
def test_what_interrupts_a_stretch_starts_a_new_line(
    connection: Connection, at: int, position: float, device: str
) -> None:
    for step in range(3):
        report(connection, step * 10, step * 10.0 + 1)
    report(connection, at, position, device)
    report(connection, at + 10, position + 10, device)
    assert [line.reports for line in plays(connection)] == [0, 2, 0, 1]


def test_a_stretch_in_one_transaction_reads_the_same(connection: Connection) -> None:
    with Library(connection, ACCOUNT) as library:
        for step in range(5):
            library.edit(progress(FEED, ITEM, position=1.0 + step), device="A", now=NOON + step * SECOND)
    assert [line.reports for line in plays(connection)] == [0, 4]


def test_a_line_says_before_and_after_without_what_names_and_carries_the_record(connection: Connection) -> None:
    with Library(connection, ACCOUNT) as library:
        library.edit(subscribe(FEED, title="x"), device="A", now=NOON)
        library.edit(unsubscribe(FEED), device="B", now=NOON + 5)
    first, second = log.of_record(connection, ACCOUNT, "subscription", FEED)
    assert first.before is None
    assert first.after == second.before == {"subscribed_at": "2026-01-01T12:00:00.000Z", "title": "x"}
    assert second.after == first.after | {"unsubscribed_at": "2026-01-01T12:00:00.005Z"}
    assert (second.device, second.outcome, second.rule) == ("B", "applied", "only")
    assert log.find(connection, ACCOUNT, second.event) == second
    assert log.find(connection, ACCOUNT, 99) is None


def test_the_newest_lines_come_first_page_by_page(connection: Connection) -> None:
    for step in range(5):
        report(connection, step * 1_000, float(step) + 1)
    newest = log.latest(connection, ACCOUNT, limit=2)
    older = log.latest(connection, ACCOUNT, before=newest[-1].event, limit=9)
    assert [*newest, *older] == plays(connection)[::-1]
    assert len(newest) == 2


def test_what_lost_is_in_the_log_with_what_it_said(connection: Connection) -> None:
    report(connection, 0, 1_800.0)
    apart = edit(None, progress(FEED, ITEM, position=600.0), Dot("B", 7), NOON + 10 * SECOND)
    assert apart is not None
    with Library(connection, ACCOUNT) as library:
        library.join(apart, now=NOON + 20 * SECOND)
    _, lost = plays(connection)
    assert (lost.device, lost.outcome, lost.rule) == ("B", "merged", "farthest_within_5_minutes")
    assert lost.said is not None
    assert (lost.said["position"], lost.after["position"]) == (600.0, 1_800.0)
