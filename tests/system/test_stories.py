"""Named stories of people with several devices, each in one household of real daemons and a real relay on real files.

The numbers are those of the scenarios that the project promises to hold; the household itself is `support.world`.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from sqlite3 import Connection

import pytest

from balados_daemon.library_service import LibraryService
from balados_daemon.storage import feeds
from balados_daemon.storage.feeds import CachedEpisode, CachedFeed, short_id
from balados_daemon.sync import pairing
from balados_daemon.sync.membership import NEW_ID, STARTED_OVER, clock_warning
from balados_daemon.sync.relay_client import RelayHttp
from balados_relay.app import Relay, create_app
from balados_shared.edit import progress, subscribe, unsubscribe
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import PlayStatus, Subscription
from balados_shared.problems import Problem
from balados_shared.times import DAY, HOUR, MINUTE
from balados_shared.wire import decode_request
from support.loopback import serving
from support.world import NEW_YEAR, Fault, Machine, Trouble, World, small_and_repeatable

SHOW = FeedId.of("https://feeds.example/show")
FIRST, SECOND = EpisodeId.of("first", None), EpisodeId.of("second", None)
MONDAY = NEW_YEAR + 4 * DAY
TUESDAY, WEDNESDAY, FRIDAY = MONDAY + DAY, MONDAY + 2 * DAY, MONDAY + 4 * DAY


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A household with two devices, `a` and `b`, paired with an empty relay."""
    async with World.open(tmp_path / "home", machines=2) as world:
        yield world


async def play(machine: Machine, position: float, item: EpisodeId = FIRST, *, played: bool | None = None) -> None:
    assert await machine.service.edit(progress(SHOW, item, position=position, played=played)) is not None


def stands(machine: Machine, item: EpisodeId = FIRST) -> PlayStatus:
    status = machine.service.play_status(item, SHOW)
    assert status is not None, f"{machine.name} does not know the episode"
    return status


def places(world: World, item: EpisodeId = FIRST) -> set[tuple[float, float]]:
    """Return where an episode stands and how far it was ever heard, on all devices."""
    return {(status.position, status.furthest) for status in (stands(machine, item) for machine in world.machines)}


def followed(machine: Machine) -> set[FeedId]:
    return {subscription.rss_source_feed for subscription in machine.service.subscriptions()}


def shows(number: int, first: int = 0) -> list[FeedId]:
    return [FeedId.of(f"https://feeds.example/{name}") for name in range(first, first + number)]


async def follow(service: LibraryService, feeds_: list[FeedId]) -> None:
    for feed in feeds_:
        await service.edit(subscribe(feed))


async def equal(world: World) -> bool:
    """Whether all devices hold the same, also as the relay has it."""
    prints = {await machine.service.fingerprint() for machine in world.machines}
    return prints == {await world.server.reader.fingerprint()}


def last_request(world: World) -> tuple[str, int]:
    """Return the cursor and the number of records of the last request that the relay got."""
    request = decode_request(world.server.heard[-1][1])
    return request.cursor, len(request.records)


async def test_1_what_was_played_on_monday_and_uploaded_on_friday_reaches_who_synced_on_wednesday(world: World) -> None:
    a, b = world.machines
    await play(a, 10)
    await world.settle()
    world.time.now = MONDAY
    await play(a, 600)
    world.time.now = TUESDAY
    await play(b, 1_200, SECOND)
    world.time.now = WEDNESDAY
    await b.sync()
    world.time.now = FRIDAY
    await a.sync()
    requests = len(world.server.heard)
    await b.sync()
    assert (stands(b).position, stands(b).updated_at) == (600, MONDAY)
    assert (stands(b, SECOND).position, stands(b, SECOND).updated_at) == (1_200, TUESDAY)
    assert len(world.server.heard) == requests + 1, "an ordinary round, from the cursor of Wednesday"
    assert last_request(world) != ("", 0)
    assert last_request(world)[0] != ""


async def test_2_a_device_that_was_off_for_months_uploads_nothing(world: World) -> None:
    a, b = world.machines
    items = [EpisodeId.of(f"episode-{number}", None) for number in range(40)]
    await world.settle()
    await b.database.write(lambda connection: _cache(connection, items))
    for item in items[:38]:
        await play(a, 1_800, item, played=True)
    await a.sync()
    world.passes(180 * DAY)
    before = world.server.reader.head()
    await b.database.write(lambda connection: _cache(connection, items))
    await b.sync()
    assert world.server.reader.head() == before, "b had nothing to say"
    assert all(decode_request(body).records == [] for sender, body in world.server.heard if sender.app_id == "b")
    _, finished = b.service.play_statuses(feed=SHOW, played=True, limit=1, offset=0)
    assert finished == 38
    assert await equal(world)


def _cache(connection: Connection, items: list[EpisodeId]) -> None:
    """Read the feed, as a refresh does."""
    cached = [CachedEpisode(feed=SHOW, item=item, short=short_id(SHOW, item), title="An episode") for item in items]
    feeds.save_feed(connection, CachedFeed(feed=SHOW, title="A show", fetched_at=NEW_YEAR), cached)


async def test_4_a_deliberate_rewind_sticks_and_the_farthest_point_stays(world: World) -> None:
    a, b = world.machines
    await play(a, 3_000)
    await world.settle()
    await play(b, 600)
    await world.settle()
    assert places(world) == {(600, 3_000)}


@pytest.mark.parametrize("order", ["ab", "ba"])
async def test_5_who_listened_apart_meets_at_one_point_and_can_take_the_other(world: World, order: str) -> None:
    a, b = world.machines
    await play(a, 1_200)
    await world.settle()
    world.passes(HOUR)
    await play(a, 3_300)
    world.passes(HOUR)
    await play(b, 1_500)
    for name in (order, order):
        for machine in sorted(world.machines, key=lambda machine: name.index(machine.name)):
            await machine.sync()
    assert places(world) == {(1_500, 3_300)}, "the newest says where to go on"
    for machine in world.machines:
        record = machine.service.record(PlayStatus.kind, f"{SHOW}/{FIRST}")
        assert record is not None
        points = {(head.device, head.value.time - NEW_YEAR) for head in record.heads}
        assert {device for device, _ in points} == {"a", "b"}, "the other point is there too, with device and time"
    await play(a, 3_300)
    await world.settle()
    assert places(world) == {(3_300, 3_300)}


async def test_7_an_emptied_relay_is_filled_again_and_nothing_is_deleted(world: World) -> None:
    await (await world.add_machine()).pair()
    for number, machine in enumerate(world.machines):
        await follow(machine.service, shows(5, first=5 * number))
        await play(machine, 100 + number, EpisodeId.of(f"of {machine.name}", None))
    await world.settle()
    before = world.server.records()
    await world.server.lose_everything(accounts_too=False)
    await world.settle()
    assert world.server.records() == before
    assert await equal(world)
    notices = {machine.membership.relay and machine.membership.relay.notice for machine in world.machines}
    assert notices == {STARTED_OVER}


async def test_8_joining_merges_and_the_dry_run_says_exactly_how(world: World) -> None:
    a, _ = world.machines
    await follow(a.service, shows(12))
    await play(a, 300)
    await a.sync()
    laptop = await world.add_machine()
    await follow(laptop.service, shows(40, first=12))
    await play(laptop, 900, SECOND, played=True)
    relay = Relay(world.server.database, "operator", world.server.clock)
    code = await relay.accounts.invite("ana")
    async with serving(create_app(relay)) as url, RelayHttp(url) as http:
        plan = await pairing.preview(http, laptop.service, code)
    subscriptions = plan.kinds[Subscription.kind]
    assert (subscriptions.added_here, subscriptions.added_there) == (12, 40)
    assert len(plan.feeds_here) == 12
    assert len(plan.feeds_there) == 40
    assert not any(kind.removed_here or kind.removed_there or kind.changed_here for kind in plan.kinds.values())
    assert laptop.service.number_of(Subscription.kind) == 40, "a dry run changes nothing"
    await laptop.pair()
    await world.settle()
    assert {len(followed(machine)) for machine in world.machines} == {52}
    assert places(world) == {(300, 300)}
    assert all(stands(machine, SECOND).played for machine in world.machines)


async def test_15_an_unsubscription_stays_while_others_still_listen(world: World) -> None:
    a, b = world.machines
    await follow(a.service, [SHOW])
    await world.settle()
    await a.service.edit(unsubscribe(SHOW))
    await a.sync()
    await play(b, 700)
    await play(b, 900, SECOND)
    for _ in range(3):
        await world.settle()
    assert [followed(machine) for machine in world.machines] == [set(), set()]
    assert places(world) == {(700, 700)}
    assert places(world, SECOND) == {(900, 900)}
    told = [event for event in b.service.events_of(Subscription.kind, SHOW) if "unsubscribed_at" in event.after]
    assert [event.device for event in told] == ["a"], "b is told once, and by whom"


async def test_16_a_show_can_be_followed_again_with_its_old_progress(world: World) -> None:
    a, b = world.machines
    await follow(a.service, [SHOW])
    await play(a, 700)
    await world.settle()
    await a.service.edit(unsubscribe(SHOW))
    await world.settle()
    await follow(b.service, [SHOW])
    await world.settle()
    assert [followed(machine) for machine in world.machines] == [{SHOW}, {SHOW}]
    assert places(world) == {(700, 700)}


@pytest.mark.parametrize("apart", [False, True], ids=["a knew it", "a did not know it"])
async def test_17_a_clock_a_year_ahead_wins_nothing_and_is_told(world: World, apart: bool) -> None:
    a, b = world.machines
    b.clock.skew = 365 * DAY
    await play(b, 300)
    assert await b.sync() is not None, "no clock is refused"
    world.passes(HOUR)
    if not apart:
        await a.sync()
    await play(a, 1_800)
    await world.settle()
    assert places(world) == {(1_800, 1_800)}
    assert clock_warning(b.service.clock_offset) == "this device's clock is 365 days ahead"
    assert clock_warning(a.service.clock_offset) is None


async def test_22_what_waits_for_the_relay_is_shown_with_since_when(world: World) -> None:
    a, _ = world.machines
    await world.settle()
    a.online = False
    since = world.time.now
    await play(a, 60)
    world.passes(HOUR)
    assert await a.sync() is None
    waiting = a.service.queue_summary()
    assert (waiting.waiting, waiting.oldest, waiting.parked) == (1, since, 0)
    a.online = True
    await a.sync()
    assert a.service.queue_summary().waiting == 0


@pytest.mark.parametrize("keep", [True, False], ids=["keep", "let go"])
async def test_24_a_mass_removal_is_held_until_a_person_decides(world: World, keep: bool) -> None:
    a, b = world.machines
    everything = shows(20)
    await follow(a.service, everything)
    await world.settle()
    world.passes(2 * HOUR)
    for feed in everything[:12]:
        await b.service.edit(unsubscribe(feed))
    await play(b, 500)
    await b.sync()
    await a.sync()
    assert followed(a) == set(everything)
    assert {each.rss_source_feed for each in a.service.held()} == set(everything[:12])
    assert stands(a).position == 500, "everything else goes on"
    (snapshot,) = a.snapshots.iterdir()
    with_all = await world.add_machine(snapshot)
    assert followed(with_all) == set(everything)
    world.machines.remove(with_all)
    await with_all.stop()
    assert await (a.service.keep() if keep else a.service.let_go()) == 12
    await world.settle()
    assert followed(a) == followed(b) == (set(everything) if keep else set(everything[12:]))
    assert a.service.held() == []
    assert await equal(world)


async def test_24_what_was_let_go_reaches_a_relay_that_forgot_it(world: World) -> None:
    a, b = world.machines
    await follow(a.service, shows(20))
    await world.settle()
    older_b, older_relay = b.copy(), world.server.copy()
    for feed in shows(20):
        await b.service.edit(unsubscribe(feed))
    await b.sync()
    await a.sync()
    await b.restore(older_b)
    await world.server.restore(older_relay)
    await world.settle()
    assert await a.service.let_go() == 20
    await a.sync()
    assert world.server.records() == a.records()


async def test_33_a_restored_backup_catches_up_and_rolls_nothing_back(world: World) -> None:
    a, b = world.machines
    await follow(a.service, shows(3))
    await play(b, 100)
    await world.settle()
    backup = b.copy()
    world.passes(90 * DAY)
    await play(b, 2_000)
    await follow(b.service, shows(3, first=3))
    await world.settle()
    await b.restore(backup)
    assert stands(b).position == 100
    await world.settle()
    assert places(world) == {(2_000, 2_000)}
    assert [len(followed(machine)) for machine in world.machines] == [6, 6]
    assert b.id != "b", "its numbers start behind those that the relay has, so it takes a new id"
    await play(b, 2_500)
    await world.settle()
    assert places(world) == {(2_500, 2_500)}
    assert await equal(world)


async def test_34_a_clone_is_found_out_takes_a_new_id_and_loses_nothing(world: World) -> None:
    _, b = world.machines
    await play(b, 10)
    await world.settle()
    clone = await world.add_machine(b.copy())
    assert clone.id == b.id
    world.passes(MINUTE)
    await play(b, 200)
    world.passes(MINUTE)
    await play(clone, 900, SECOND)
    await world.settle()
    assert len({machine.id for machine in world.machines}) == 3
    (told,) = (machine for machine in world.machines if machine.id not in ("a", "b"))
    assert told.membership.relay is not None
    assert told.membership.relay.notice == NEW_ID
    assert places(world) == {(200, 200)}
    assert places(world, SECOND) == {(900, 900)}
    assert await equal(world)


async def test_35_after_three_years_away_a_device_starts_over_and_revives_nothing(world: World) -> None:
    a, b = world.machines
    await follow(a.service, shows(3))
    await world.settle()
    await play(a, 40, SECOND)
    await world.settle()
    await play(b, 400)
    world.passes(DAY)
    await a.service.edit(unsubscribe(shows(1)[0]))
    await play(a, 50, SECOND)
    await a.sync()
    world.passes(3 * 365 * DAY)
    await play(a, 60, SECOND)
    await a.sync()
    await world.server.tidy()
    await b.sync()
    assert b.membership.relay is not None
    assert b.membership.relay.notice == STARTED_OVER
    await world.settle()
    assert followed(a) == followed(b) == set(shows(3)[1:])
    assert places(world) == {(400, 400)}, "what it had not sent is kept"
    assert await equal(world)


async def test_35_who_joins_an_old_library_reads_it_page_by_page(world: World) -> None:
    with small_and_repeatable():
        a, _ = world.machines
        await follow(a.service, shows(20))
        await world.settle()
        world.passes(3 * 365 * DAY)
        await play(a, 60)
        await a.sync()
        await world.server.tidy()
        await (await world.add_machine()).pair()
        await world.settle()
        assert await equal(world)


async def test_after_45_days_the_log_is_folded_and_still_explains_every_record(world: World) -> None:
    a, b = world.machines
    await follow(a.service, shows(3))
    await play(a, 100)
    await play(b, 300)
    await world.settle()
    old = a.service.events()[0].event
    world.passes(46 * DAY)
    for program in (a, b, world.server):
        await program.tidy()
        assert program.reader.events() == []
        assert program.wrong_records() == []
    with pytest.raises(Problem, match="no such event"):
        await a.service.undo(old)
    await play(b, 200)
    await world.settle()
    assert places(world) == {(200, 300)}
    assert all(program.wrong_records() == [] for program in (a, b, world.server))
    assert await equal(world)


async def test_an_acknowledgement_before_the_last_page_takes_nothing_off_the_queue(world: World) -> None:
    """A relay that falls back between two pages knows the cursor of the first, but not what was pushed with it."""
    with small_and_repeatable():
        a, b = world.machines
        await follow(a.service, shows(12))
        await a.sync()
        backup = world.server.copy()
        await play(b, 100)
        assert await b.sync(Fault(Trouble.REQUEST_LOST, page=1)) is None
        await world.server.restore(backup)
        await world.settle()
        assert places(world) == {(100, 100)}
        assert await equal(world)
