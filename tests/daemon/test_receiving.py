"""What comes from the relay: all in one transaction, acknowledged by version, braked when too much would go."""

from pathlib import Path

import pytest

from balados_daemon import receiving
from balados_daemon.app import Daemon
from balados_daemon.storage.device import Relay
from balados_shared.edit import progress, subscribe, unsubscribe
from balados_shared.events import Verdict
from balados_shared.record import Record
from balados_shared.storage.queue import Letter
from balados_shared.times import HOUR, MINUTE
from support.elsewhere import OTHER, answer, feed, play, subscription
from support.loopback import Clock
from support.strategies import FEED, ITEM, NOON


@pytest.fixture(autouse=True)
async def paired(daemon: Daemon) -> None:
    """Without a relay nothing is queued."""
    await daemon.membership.join(Relay(url="http://relay", user_id="u", app_id="a", key="k", paired_at=NOON))


def cursor(daemon: Daemon) -> str:
    relay = daemon.membership.relay
    assert relay is not None
    return relay.cursor


def letters(daemon: Daemon) -> list[Letter]:
    return daemon.library.letters(limit=100, everything=True)


def refusal(kind: str, key: str, place: str = "") -> Verdict:
    return Verdict(kind=kind, key=key, outcome="refused", rule="invalid", reason="too long", place=place)


async def test_records_and_cursor_arrive_together(daemon: Daemon) -> None:
    received = await daemon.library.receive(answer(subscription(), play(60), cursor="2.b"))
    assert (received.changed, received.taken) == (2, 0)
    assert len(daemon.library.subscriptions()) == 1
    assert cursor(daemon) == "2.b"


async def test_what_goes_wrong_on_the_way_leaves_everything_as_it_was(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    await daemon.library.change(subscribe(feed(1)))
    before = (daemon.library.head(), cursor(daemon), daemon.library.waiting())

    def fail(*_: object) -> None:
        raise RuntimeError("the machine is on fire")

    # The cursor moves last: all the rest was done when this fails.
    monkeypatch.setattr(receiving, "_move_cursor", fail)
    with pytest.raises(RuntimeError):
        await daemon.library.receive(answer(subscription(), play(60)), letters(daemon))
    assert (daemon.library.head(), cursor(daemon), daemon.library.waiting()) == before
    assert daemon.library.play_status(ITEM, FEED) is None


async def test_the_same_answer_twice_changes_nothing_the_second_time(daemon: Daemon) -> None:
    told = answer(subscription(), play(60))
    await daemon.library.receive(told)
    head = daemon.library.head()
    assert (await daemon.library.receive(told)).changed == 0
    assert daemon.library.head() == head


async def test_what_came_from_elsewhere_is_not_sent_back(daemon: Daemon) -> None:
    await daemon.library.receive(answer(subscription(), play(60)))
    assert daemon.library.waiting() == []


async def test_what_the_relay_took_leaves_the_queue(daemon: Daemon) -> None:
    await daemon.library.change(subscribe(FEED))
    assert (await daemon.library.receive(answer(), letters(daemon))).taken == 1
    assert daemon.library.waiting() == []


async def test_what_changed_while_it_was_on_its_way_stays_on_the_queue(daemon: Daemon) -> None:
    await daemon.library.change(progress(FEED, ITEM, position=60))
    sent = letters(daemon)
    await daemon.library.change(progress(FEED, ITEM, position=70))
    await daemon.library.receive(answer(), sent)
    assert [waiting.kind for waiting in daemon.library.waiting()] == ["play_status"]
    await daemon.library.receive(answer(), letters(daemon))
    assert daemon.library.waiting() == []


async def test_before_the_last_page_nothing_leaves_the_queue(daemon: Daemon) -> None:
    await daemon.library.change(subscribe(FEED))
    await daemon.library.receive(answer(more=True), letters(daemon))
    assert len(daemon.library.waiting()) == 1


@pytest.mark.parametrize("place", ["", "subscriptions[1]"], ids=["by name", "by place"])
async def test_one_that_was_refused_is_parked_and_the_rest_goes_on(daemon: Daemon, place: str) -> None:
    for number in (1, 2, 3):
        await daemon.library.change(subscribe(feed(number)))
    bad = refusal("subscription", letters(daemon)[1].key if not place else "", place)
    received = await daemon.library.receive(answer(verdicts=[bad]), letters(daemon))
    assert (received.taken, received.refused) == (2, 1)
    (parked,) = daemon.library.waiting()
    assert (parked.key, parked.parked, parked.error) == (feed(2), True, "too long")
    assert letters(daemon) == [], "it is not sent again by itself"


async def test_a_parked_one_is_sent_again_when_it_is_edited_or_retried(daemon: Daemon) -> None:
    await daemon.library.change(subscribe(FEED))
    await daemon.library.receive(answer(verdicts=[refusal("subscription", FEED)]), letters(daemon))
    assert await daemon.library.retry() == 1
    assert len(letters(daemon)) == 1
    await daemon.library.receive(answer(verdicts=[refusal("subscription", FEED)]), letters(daemon))
    await daemon.library.change(subscribe(FEED, title="Another"))
    assert len(letters(daemon)) == 1


async def test_a_verdict_that_is_no_refusal_parks_nothing(daemon: Daemon) -> None:
    await daemon.library.change(subscribe(FEED))
    merged = Verdict(kind="subscription", key=FEED, outcome="merged", rule="latest", reason="")
    assert (await daemon.library.receive(answer(verdicts=[merged]), letters(daemon))).refused == 0
    assert daemon.library.waiting() == []


# The mass-removal brake


async def follow(daemon: Daemon, number: int) -> None:
    await daemon.library.receive(answer(*(subscription(feed(n)) for n in range(number))))


def removals(numbers: range) -> list[Record]:
    return [subscription(feed(n), number=NOON + 1, at=MINUTE, gone=True) for n in numbers]


def snapshots(folder: Path) -> int:
    return len(list(folder.rglob("before-mass-removal-*.db")))


def followed(daemon: Daemon) -> int:
    return len(daemon.library.subscriptions())


async def test_too_many_removals_are_held_and_everything_else_goes_on(daemon: Daemon) -> None:
    await follow(daemon, 20)
    received = await daemon.library.receive(answer(*removals(range(11)), play(60), cursor="9.z"))
    assert (received.held, received.changed) == (11, 1)
    assert followed(daemon) == 20
    assert daemon.library.play_status(ITEM, FEED) is not None
    assert cursor(daemon) == "9.z"
    assert len(daemon.library.held()) == daemon.device.status().held == 11


async def test_before_it_holds_a_snapshot_is_taken(daemon: Daemon, tmp_path: Path) -> None:
    await follow(daemon, 20)
    await daemon.library.receive(answer(*removals(range(10))))
    assert snapshots(tmp_path) == 0
    await daemon.library.receive(answer(*removals(range(10, 12))))
    assert snapshots(tmp_path) == 1


async def test_ten_removals_go_through(daemon: Daemon) -> None:
    await follow(daemon, 20)
    assert (await daemon.library.receive(answer(*removals(range(10))))).held == 0
    assert followed(daemon) == 10


async def test_one_by_one_within_an_hour_counts_as_well(daemon: Daemon, clock: Clock) -> None:
    await follow(daemon, 20)
    for n in range(12):
        clock.now += MINUTE
        await daemon.library.receive(answer(*removals(range(n, n + 1))))
    assert (followed(daemon), len(daemon.library.held())) == (10, 2)


async def test_after_an_hour_the_count_begins_anew(daemon: Daemon, clock: Clock) -> None:
    await follow(daemon, 30)
    await daemon.library.receive(answer(*removals(range(10))))
    clock.now += HOUR + MINUTE
    await daemon.library.receive(answer(*removals(range(10, 20))))
    assert (followed(daemon), daemon.library.held()) == (10, [])


async def test_while_some_are_held_a_further_one_joins_them(daemon: Daemon, clock: Clock) -> None:
    await follow(daemon, 20)
    await daemon.library.receive(answer(*removals(range(11))))
    clock.now += 2 * HOUR
    await daemon.library.receive(answer(*removals(range(11, 12))))
    assert (followed(daemon), len(daemon.library.held())) == (20, 12)


async def test_news_of_what_is_held_joins_it_and_does_not_slip_past_the_brake(daemon: Daemon, clock: Clock) -> None:
    await follow(daemon, 20)
    await daemon.library.receive(answer(*removals(range(11))))
    clock.now += 2 * HOUR
    again = subscription(feed(0), device="third", number=NOON, at=MINUTE, gone=True, title="Told again")
    await daemon.library.receive(answer(again))
    assert (followed(daemon), len(daemon.library.held())) == (20, 11)
    assert "Told again" in [held.title for held in daemon.library.held()]


async def test_what_is_held_and_subscribed_to_again_elsewhere_is_held_no_more(daemon: Daemon) -> None:
    await follow(daemon, 20)
    await daemon.library.receive(answer(*removals(range(11))))
    back = subscription(feed(0), number=NOON + 2, at=HOUR, title="Back", knows={OTHER: NOON + 1})
    await daemon.library.receive(answer(back))
    assert (followed(daemon), len(daemon.library.held())) == (20, 10)
    assert "Back" in [subscription.title for subscription in daemon.library.subscriptions()]


async def test_letting_go_removes_them_and_queues_that(daemon: Daemon) -> None:
    await follow(daemon, 20)
    await daemon.library.receive(answer(*removals(range(11))))
    assert await daemon.library.let_go() == 11
    assert (followed(daemon), daemon.library.held()) == (9, [])
    assert len(daemon.library.waiting()) == 11, "a relay that lost them meanwhile gets them from here"


async def test_keeping_is_a_new_edit_that_knows_the_removal(daemon: Daemon, clock: Clock) -> None:
    await follow(daemon, 20)
    await daemon.library.receive(answer(*removals(range(11))))
    clock.now += HOUR
    assert await daemon.library.keep() == 11
    assert (followed(daemon), daemon.library.held(), len(daemon.library.waiting())) == (20, [], 11)
    # The removals, told again, have lost for good.
    assert (await daemon.library.receive(answer(*removals(range(11))))).changed == 0
    assert followed(daemon) == 20


async def test_what_a_person_removes_here_is_never_held(daemon: Daemon) -> None:
    await follow(daemon, 20)
    for n in range(15):
        await daemon.library.change(unsubscribe(feed(n)))
    assert (followed(daemon), daemon.library.held()) == (5, [])
