"""Undo sets back just the fields that an event set, as a new change, and says when they were edited since."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balados_daemon.app import Daemon
from balados_daemon.undo import EditedSince, undo
from balados_shared.edit import Edit, edit, like, progress, subscribe, unlike, unsubscribe
from balados_shared.errors import Refused
from balados_shared.events import describe
from balados_shared.kinds import PlayStatus, Preference
from balados_shared.problems import Problem
from balados_shared.record import Dot
from balados_shared.rules import value_of
from balados_shared.storage.log import Event
from balados_shared.times import HOUR
from balados_shared.wire import value_fields
from support.elsewhere import answer, play
from support.loopback import Clock
from support.strategies import FEED, ITEM

SPEED = {"rss_source_feed": FEED, "name": "speed"}


def listen(position: float, **more: bool | float) -> Edit:
    return progress(FEED, ITEM, position=position, **more)  # type: ignore[arg-type]


async def make(daemon: Daemon, wish: Edit) -> int:
    """Make a change and return its number in the log."""
    saved = await daemon.library.edit(wish)
    assert saved is not None
    return daemon.library.events()[0].event


def status(daemon: Daemon) -> PlayStatus:
    found = daemon.library.play_status(ITEM, FEED)
    assert found is not None
    return found


async def test_a_position_goes_back_to_where_it_was(daemon: Daemon) -> None:
    await make(daemon, listen(100))
    event = await make(daemon, listen(900))
    assert await daemon.library.undo(event)
    assert status(daemon).position == 100


async def test_how_far_one_ever_got_is_not_undone(daemon: Daemon) -> None:
    await make(daemon, listen(100))
    await daemon.library.undo(await make(daemon, listen(900)))
    assert status(daemon).furthest == 900


async def test_only_the_fields_that_the_event_set_are_set_back(daemon: Daemon) -> None:
    await make(daemon, listen(100))
    event = await make(daemon, listen(900))
    await make(daemon, progress(FEED, ITEM, played=True))
    await daemon.library.undo(event)
    assert (status(daemon).position, status(daemon).played) == (100, True)


async def test_the_first_position_goes_back_to_the_beginning(daemon: Daemon) -> None:
    await daemon.library.undo(await make(daemon, listen(900, played=True)))
    assert (status(daemon).position, status(daemon).played) == (0, False)


async def test_a_duration_that_was_not_known_is_unknown_again(daemon: Daemon) -> None:
    await make(daemon, listen(100))
    await daemon.library.undo(await make(daemon, progress(FEED, ITEM, duration=1_800.0)))
    assert status(daemon).duration is None


@pytest.mark.parametrize(
    ("before", "event", "stands"),
    [
        ([], subscribe(FEED), False),
        ([subscribe(FEED)], unsubscribe(FEED), True),
        ([subscribe(FEED), unsubscribe(FEED)], subscribe(FEED), False),
        ([], like(FEED), False),
        ([like(FEED)], unlike(FEED), True),
    ],
)
async def test_coming_and_going_are_undone(daemon: Daemon, before: list[Edit], event: Edit, stands: bool) -> None:
    for wish in before:
        await make(daemon, wish)
    await daemon.library.undo(await make(daemon, event))
    record = daemon.library.record(event.kind, event.key)
    assert record is not None
    assert value_of(record).present is stands


async def test_a_title_that_came_with_a_second_subscribe_goes_without_the_subscription(daemon: Daemon) -> None:
    await make(daemon, subscribe(FEED, title="Old"))
    await daemon.library.undo(await make(daemon, subscribe(FEED, title="New")))
    assert [subscription.title for subscription in daemon.library.subscriptions()] == ["Old"]


async def test_what_was_edited_since_says_so_and_stays(daemon: Daemon) -> None:
    await make(daemon, listen(100))
    event = await make(daemon, listen(900))
    await make(daemon, listen(950))
    with pytest.raises(EditedSince, match="position changed again since"):
        await daemon.library.undo(event)
    assert status(daemon).position == 950


async def test_force_sets_it_back_all_the_same(daemon: Daemon) -> None:
    await make(daemon, listen(100))
    event = await make(daemon, listen(900))
    await make(daemon, listen(950))
    await daemon.library.undo(event, force=True)
    assert status(daemon).position == 100


async def test_a_feed_that_was_left_since_is_not_brought_back_by_undoing_its_title(daemon: Daemon) -> None:
    await make(daemon, subscribe(FEED, title="Old"))
    event = await make(daemon, subscribe(FEED, title="New"))
    await make(daemon, unsubscribe(FEED))
    await daemon.library.undo(event)
    assert daemon.library.subscriptions() == []


async def test_an_undo_can_itself_be_undone(daemon: Daemon) -> None:
    await make(daemon, listen(100))
    await daemon.library.undo(await make(daemon, listen(900)))
    await daemon.library.undo(daemon.library.events()[0].event)
    assert status(daemon).position == 900


async def test_what_another_device_did_can_be_undone_here(daemon: Daemon, clock: Clock) -> None:
    await make(daemon, listen(100))
    knows = {daemon.device.library.device.id: daemon.library.count()}
    await daemon.library.receive(answer(play(0, at=HOUR, knows=knows)))
    clock.now += 2 * HOUR
    await daemon.library.undo(daemon.library.events()[0].event)
    assert status(daemon).position == 100


async def test_undoing_twice_changes_nothing_the_second_time(daemon: Daemon) -> None:
    await make(daemon, listen(100))
    event = await make(daemon, listen(900))
    await daemon.library.undo(event)
    with pytest.raises(EditedSince):
        await daemon.library.undo(event)
    assert await daemon.library.undo(event, force=True) is None


async def test_a_setting_that_was_never_set_before_has_nothing_to_go_back_to(daemon: Daemon) -> None:
    event = await make(daemon, Edit(kind=Preference.kind, name=SPEED, sets={"value": 1.5}))
    with pytest.raises(Refused, match="nothing before"):
        await daemon.library.undo(event)


async def test_an_event_that_does_not_exist_is_not_found(daemon: Daemon) -> None:
    with pytest.raises(Problem) as problem:
        await daemon.library.undo(4_711)
    assert problem.value.status == 404


@given(st.data())
def test_undoing_the_last_change_always_brings_back_what_a_person_set(data: st.DataObject) -> None:
    """Pure, over two edits of one episode: what stands after the undo is what stood before the second."""
    positions, flags = st.sampled_from([0.0, 10.0, 20.0]), st.booleans()
    first = edit(None, listen(data.draw(positions), played=data.draw(flags)), Dot("d", 1), 1_000)
    assert first is not None
    second = edit(first, listen(data.draw(positions), played=data.draw(flags)), Dot("d", 2), 2_000)
    if second is None:
        return
    change = describe(first, second, second)
    fields = [
        {name: field for name, field in value_fields(value_of(record)).items() if name not in PlayStatus.identity}
        for record in (first, second)
    ]
    event = Event(
        event=1, kind="play_status", key=second.key, revision=1, device="d", number=2, time=2_000, arrived=2_000,
        outcome=change.outcome, rule=change.rule, before=fields[0], after=fields[1],
    )  # fmt: skip
    third = edit(second, undo(event, value_of(second)), Dot("d", 3), 3_000)
    assert third is not None
    was, now = value_of(first), value_of(third)
    assert isinstance(was, PlayStatus)
    assert isinstance(now, PlayStatus)
    assert (now.position, now.played, now.duration) == (was.position, was.played, was.duration)
