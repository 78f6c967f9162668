"""The crown test: any life of a household, whatever goes wrong in it, ends with equal libraries and nothing lost.

A life is a list of steps, drawn by hypothesis and shrunk to the shortest that fails; each step is plain data, so what
is printed can be played again. After a life everybody comes online, and then the laws of DESIGN.md section 1 must hold.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balados_shared.clock import CAP
from balados_shared.edit import Edit, progress, subscribe, unlike, unsubscribe
from balados_shared.edit import like as like_of
from balados_shared.errors import Refused
from balados_shared.fingerprint import fingerprint
from balados_shared.http.access import Pace
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import PlaylistItem, PlayStatus, Value
from balados_shared.purge import purge, stub_of
from balados_shared.rank import rank_between
from balados_shared.record import Dot, Head, Record
from balados_shared.rules import value_of
from balados_shared.storage import reading
from balados_shared.times import DAY, HOUR, MINUTE, SECOND, Instant
from support.world import NO_FAULT, Fault, Machine, Program, Trouble, World, small_and_repeatable, throw_away

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
LIVES = 150 if NIGHTLY else 20
MOST_COPIES = 3
"""Copies of the relay that outlive a chapter."""

CHAPTER = 200
"""Steps after which the laws are checked within a long life."""

FEEDS = [FeedId.of(f"https://feeds.example/{number}") for number in range(14)]
"""More than the mass-removal brake lets go at once."""

EPISODES = [EpisodeId.of(f"episode-{number}", None) for number in range(3)]
LISTS = ["queue", "evening"]

YEAR = 365 * DAY
SKEWS = [0, 3 * MINUTE, -3 * MINUTE, HOUR, -HOUR, YEAR, -YEAR]
PAUSES = [1, 10, SECOND, MINUTE, 200 * SECOND, 400 * SECOND, 3 * HOUR]


class Known(NamedTuple):
    """An edit that a daemon acknowledged to its person."""

    maker: str
    kind: str
    key: str
    dot: Dot
    value: Value

    @property
    def record(self) -> tuple[str, str]:
        return self.kind, self.key


class Ledger:
    """What persons were promised, kept apart from the programs that promised it.

    Two cases are nobody's loss: what only an older copy of a device's files would have held (`forget`), and the
    farthest point where two lives of one device id went on from one copy, not knowing of each other (`disputed`).
    """

    def __init__(self) -> None:
        self.standing: list[Known] = []
        self.ever: list[Known] = []
        self.disputed: set[tuple[str, str]] = set()
        self._doubles: set[str] = set()
        self._floors: dict[tuple[str, str], float] = {}

    def write(self, machine: Machine, head: Head) -> None:
        """Note an edit that was acknowledged."""
        known = Known(machine.name, head.value.kind, head.value.key, head.dot, head.value)
        self.standing.append(known)
        self.ever.append(known)
        if machine.id in self._doubles:
            self.disputed.add(known.record)

    def doubled(self, device: str) -> None:
        """From now on two lives of this device id may number their edits alike."""
        self._doubles.add(device)

    def forget(self, machine: Machine) -> None:
        """The machine's files were replaced by an older copy: what it does not hold may be gone with them."""
        held = machine.records()
        self.standing = [k for k in self.standing if k.maker != machine.name or _covers(held.get(k.record), k.dot)]

    def settled(self, records: dict[tuple[str, str], Record]) -> None:
        """Begin anew from where everybody agreed."""
        self._floors = {name: _furthest(record) for name, record in records.items() if name[0] == PlayStatus.kind}
        self.standing, self.disputed, self._doubles = [], set(), set()

    def lowest_furthest(self) -> dict[tuple[str, str], float]:
        """Return how far at least each episode was heard."""
        floors = {name: floor for name, floor in self._floors.items() if name not in self.disputed}
        for known in self.standing:
            if isinstance(known.value, PlayStatus) and known.record not in self.disputed:
                floors[known.record] = max(floors.get(known.record, 0.0), known.value.position)
        return floors


def _covers(record: Record | None, dot: Dot) -> bool:
    return record is not None and record.covers(dot)


def _furthest(record: Record) -> float:
    value = value_of(record)
    assert isinstance(value, PlayStatus)
    return value.furthest


class Life:
    """One life of a household: the world it happens in, and the ledger."""

    def __init__(self, world: World, *, skewed: bool) -> None:
        self.world = world
        self.ledger = Ledger()
        self.skewed = skewed
        self.copies: dict[str, list[Path]] = {}
        self.doubles = False
        """Whether a device's identity was ever copied or a relay's memory replaced, so that ids may change."""

    def settled(self, records: dict[tuple[str, str], Record]) -> None:
        """Everybody agrees: what is copied from now on holds all that was done until now."""
        self.ledger.settled(records)
        kept = self.copies.get("relay", [])[-MOST_COPIES:]
        for copy in {*chain.from_iterable(self.copies.values())} - {*kept}:
            throw_away(copy)
        self.copies = {"relay": kept}

    def machine(self, who: int) -> Machine:
        return self.world.machines[who % len(self.world.machines)]

    async def edit(self, machine: Machine, wish: Edit, pace: Pace = Pace.AT_ONCE) -> None:
        saved = await machine.service.edit(wish, pace)
        if saved is not None:
            self.ledger.write(machine, saved.change.by)

    async def decide(self, machine: Machine, *, keep: bool) -> None:
        """Answer the mass-removal brake. What is kept is an edit of each subscription."""
        held = machine.service.held()
        await (machine.service.keep() if keep else machine.service.let_go())
        for record in (machine.service.record(each.kind, each.key) for each in held if keep):
            if record is not None and record.heads[0].device == machine.id:
                self.ledger.write(machine, record.heads[0])


class Step:
    """Something that happens."""

    async def play(self, life: Life) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Wait(Step):
    milliseconds: int = 1

    async def play(self, life: Life) -> None:
        life.world.passes(self.milliseconds)


@dataclass(frozen=True)
class Change(Step):
    """A person's edit. `number` stands for whatever the kind of edit needs: a position, a name, a place in a list."""

    who: int
    what: str
    feed: int = 0
    item: int = 0
    number: int = 0
    playing: bool = False

    async def play(self, life: Life) -> None:
        machine = life.machine(self.who)
        await life.edit(machine, self.wish(machine), Pace.PLAYING if self.playing else Pace.AT_ONCE)

    def wish(self, machine: Machine) -> Edit:
        feed, item, number = FEEDS[self.feed], EPISODES[self.item], self.number
        episode: dict[str, object] = {"rss_source_feed": feed, "rss_source_item": item}
        match self.what:
            case "subscribe":
                return subscribe(feed, title=f"title {number}" if number % 2 else None)
            case "unsubscribe":
                return unsubscribe(feed)
            case "position":
                return progress(feed, item, position=float(number), duration=3_600.0 if number % 2 else None)
            case "play on":
                return progress(feed, item, position=_played_on(machine, feed, item))
            case "played" | "unplayed":
                return progress(feed, item, played=self.what == "played")
            case "like":
                return like_of(feed, item if number % 2 else None)
            case "unlike":
                return unlike(feed, item if number % 2 else None)
            case "playlist":
                sets = {"name": f"list {number}"}
                return Edit(kind="playlist", name={"id": LISTS[number % 2]}, sets=sets, present=number % 3 > 0)
            case "playlist item":
                name = {"playlist_id": LISTS[number % 2], **episode}
                rank = _rank(machine, LISTS[number % 2], number)
                return Edit(kind="playlist_item", name=name, sets={"rank": rank}, present=number % 3 > 0)
            case "collection":
                title = {"title": f"collection {number}"}
                return Edit(kind="collection", name={"id": LISTS[number % 2]}, sets=title, present=number % 3 > 0)
            case "privacy":
                level = ("public", "anonymous", "private")[number % 3]
                return Edit(kind="privacy", name=episode, sets={"privacy": level})
            case "preference":
                return Edit(kind="preference", name={"rss_source_feed": feed, "name": "speed"}, sets={"value": number})
            case "alias":
                return Edit(kind="alias", name=episode, sets={"same_as": EPISODES[number % 3]})
            case "move":
                return Edit(kind="feed_move", name={"rss_source_feed": feed}, sets={"moved_to": FEEDS[number % 14]})
            case _:
                started = Instant(machine.clock())
                name = {**episode, "device_id": machine.id, "started_at": started}
                stretch = {"ended_at": Instant(started + number), "from_": 0.0, "to": float(number), "speed": 1.5}
                return Edit(kind="listen", name=name, sets=stretch)


WISHES = (
    *["position"] * 5,
    *["play on", "subscribe", "unsubscribe"] * 2,
    *["played", "unplayed", "like", "unlike", "playlist", "playlist item", "collection"],
    *["privacy", "preference", "alias", "move", "listen"],
)


def _played_on(machine: Machine, feed: FeedId, item: EpisodeId) -> float:
    status = machine.service.play_status(item, feed)
    return status.position + 0.5 if status else 0.0


def _rank(machine: Machine, playlist: str, number: int) -> str:
    """Return a rank somewhere in a playlist as this machine sees it."""
    ask = partial(reading.listing, account=1, kind=PlaylistItem, parent=playlist)
    ranks = sorted({item.rank for item in machine.database.read(ask) if isinstance(item, PlaylistItem)})
    place = number % (len(ranks) + 1)
    before, after = ranks[place - 1] if place else None, ranks[place] if place < len(ranks) else None
    return rank_between(before, after, machine.id)


@dataclass(frozen=True)
class Undo(Step):
    who: int
    back: int
    force: bool

    async def play(self, life: Life) -> None:
        machine = life.machine(self.who)
        events = machine.service.events(limit=20)
        if events:
            number = events[self.back % len(events)].event
            try:
                saved = await machine.service.undo(number, force=self.force)
            except Refused:
                return
            if saved is not None:
                life.ledger.write(machine, saved.change.by)


@dataclass(frozen=True)
class FollowAll(Step):
    """Subscribe to everything, or to nothing any more: what the mass-removal brake is for."""

    who: int
    follow: bool

    async def play(self, life: Life) -> None:
        machine = life.machine(self.who)
        for feed in FEEDS:
            life.world.passes(1)
            await life.edit(machine, subscribe(feed) if self.follow else unsubscribe(feed))


@dataclass(frozen=True)
class Decide(Step):
    """A person answers the mass-removal brake."""

    who: int
    keep: bool

    async def play(self, life: Life) -> None:
        await life.decide(life.machine(self.who), keep=self.keep)


@dataclass(frozen=True)
class Sync(Step):
    who: int
    fault: Fault = NO_FAULT
    meanwhile: Change | None = None

    async def play(self, life: Life) -> None:
        on_the_way = partial(self.meanwhile.play, life) if self.meanwhile else None
        await life.machine(self.who).sync(self.fault, meanwhile=on_the_way)


@dataclass(frozen=True)
class GoOnline(Step):
    who: int
    online: bool

    async def play(self, life: Life) -> None:
        life.machine(self.who).online = self.online


@dataclass(frozen=True)
class HearAgain(Step):
    """An old request reaches the relay once more."""

    index: int

    async def play(self, life: Life) -> None:
        await life.world.server.hear_again(self.index)


@dataclass(frozen=True)
class Listen(Step):
    """The relay sends a live message."""

    who: int

    async def play(self, life: Life) -> None:
        life.machine(self.who).listen()


@dataclass(frozen=True)
class OpenMail(Step):
    """A live message arrives: in order or not, and with `keep` once more later."""

    who: int
    index: int
    keep: bool

    async def play(self, life: Life) -> None:
        await life.machine(self.who).open_mail(self.index, keep=self.keep)


@dataclass(frozen=True)
class PowerCut(Step):
    who: int

    async def play(self, life: Life) -> None:
        await life.machine(self.who).lose_power()


@dataclass(frozen=True)
class Upgrade(Step):
    """A machine starts again with another version of the program."""

    who: int

    async def play(self, life: Life) -> None:
        await life.machine(self.who).upgrade()


@dataclass(frozen=True)
class RelayPowerCut(Step):
    async def play(self, life: Life) -> None:
        await life.world.server.lose_power()


@dataclass(frozen=True)
class Skew(Step):
    """A clock is set wrong, or right again. Where all clocks are right this does nothing."""

    who: int
    skew: int

    async def play(self, life: Life) -> None:
        if life.skewed:
            life.machine(self.who).clock.skew = self.skew


@dataclass(frozen=True)
class SkewRelay(Step):
    """The relay's clock is off, but not so far ahead that setting it right would stop the relay for its own sake."""

    skew: int

    async def play(self, life: Life) -> None:
        if life.skewed:
            life.world.server.clock.skew = min(self.skew, HOUR)


@dataclass(frozen=True)
class Copy(Step):
    """Somebody makes a backup: of a machine, or (None) of the relay."""

    who: int | None = None

    async def play(self, life: Life) -> None:
        program = life.world.server if self.who is None else life.machine(self.who)
        life.copies.setdefault(program.name, []).append(program.copy())


@dataclass(frozen=True)
class Restore(Step):
    """A machine goes on from an older copy of its files, and its person at once with it."""

    who: int
    which: int
    then: Change

    async def play(self, life: Life) -> None:
        machine = life.machine(self.who)
        copies = life.copies.get(machine.name)
        if copies:
            life.doubles = True
            life.ledger.doubled(machine.id)
            await machine.restore(copies[self.which % len(copies)])
            life.ledger.doubled(machine.id)
            life.ledger.forget(machine)
            await self.then.play(life)


@dataclass(frozen=True)
class Clone(Step):
    """A copy of a machine's files is started beside it."""

    who: int

    async def play(self, life: Life) -> None:
        if len(life.world.machines) < 7:
            original = life.machine(self.who)
            life.doubles = True
            life.ledger.doubled(original.id)
            await life.world.add_machine(original.copy())


@dataclass(frozen=True)
class RestoreRelay(Step):
    which: int

    async def play(self, life: Life) -> None:
        copies = life.copies.get("relay")
        if copies:
            life.doubles = True
            await life.world.server.restore(copies[self.which % len(copies)])


@dataclass(frozen=True)
class EmptyRelay(Step):
    accounts_too: bool

    async def play(self, life: Life) -> None:
        life.doubles = True
        await life.world.server.lose_everything(accounts_too=self.accounts_too)


@dataclass(frozen=True)
class Pair(Step):
    """A device is paired, again or for the first time with this relay."""

    who: int

    async def play(self, life: Life) -> None:
        await life.machine(self.who).pair()


@dataclass(frozen=True)
class Tidy(Step):
    """Weeks or years pass, and a program folds its log and purges."""

    who: int | None
    days: int

    async def play(self, life: Life) -> None:
        life.world.passes(self.days * DAY)
        await (life.world.server if self.who is None else life.machine(self.who)).tidy()


def random_step(random: Random) -> Step:
    """Draw a step. The simplest comes first, so that hypothesis shrinks towards it."""
    who = random.randrange(5)
    draw = random.choices(range(len(WEIGHTS)), [weight for weight, _ in WEIGHTS])[0]
    return WEIGHTS[draw][1](random, who)


def random_change(random: Random, who: int) -> Change:
    what, feed, item = random.choice(WISHES), random.choice([0, 0, 0, 1, 2]), random.choice([0, 0, 0, 1, 2])
    return Change(who, what, feed, item, random.randrange(3_000), random.random() < 0.5)


def random_sync(random: Random, who: int) -> Sync:
    fault = Fault(random.choice([Trouble.NONE, Trouble.NONE, *Trouble]), random.choice([0, 0, 1]), random.randrange(4))
    edited = fault.trouble is Trouble.EDITED_MEANWHILE
    return Sync(who, fault, random_change(random, who) if edited else None)


WEIGHTS: list[tuple[int, Callable[[Random, int], Step]]] = [
    (12, lambda random, who: Wait(random.choice(PAUSES))),
    (40, random_change),
    (30, random_sync),
    (4, lambda random, who: Undo(who, random.randrange(20), random.random() < 0.5)),
    (2, lambda random, who: FollowAll(who, random.random() < 0.5)),
    (2, lambda random, who: Decide(who, random.random() < 0.5)),
    (6, lambda random, who: Listen(who)),
    (6, lambda random, who: OpenMail(who, random.choice([0, 0, 1, 2]), random.random() < 0.3)),
    (3, lambda random, who: HearAgain(random.randrange(20))),
    (3, lambda random, who: GoOnline(who, random.random() < 0.6)),
    (4, lambda random, who: PowerCut(who)),
    (1, lambda random, who: Upgrade(who)),
    (1, lambda random, who: RelayPowerCut()),
    (4, lambda random, who: Skew(who, random.choice(SKEWS))),
    (1, lambda random, who: SkewRelay(random.choice(SKEWS))),
    (3, lambda random, who: Copy()),
    (5, lambda random, who: Copy(who)),
    (4, lambda random, who: Restore(who, random.randrange(5), random_change(random, who))),
    (1, lambda random, who: Clone(who)),
    (2, lambda random, who: RestoreRelay(random.randrange(5))),
    (1, lambda random, who: EmptyRelay(random.random() < 0.5)),
    (2, lambda random, who: Pair(who)),
    (1, lambda random, who: Tidy(random.choice([None, who]), random.choice([0, 50, 50, 1_000]))),
]


async def come_together(life: Life) -> None:
    """Everybody comes online and is paired; right clocks or not, all sync until there is nothing left to decide."""
    server = life.world.server
    server.clock.skew = max(server.clock.skew, -HOUR)
    for machine in life.world.machines:
        machine.online = True
        machine.mail.clear()
        relay = machine.membership.relay
        if relay is None or relay.user_id != server.user_id:
            await machine.pair()
    server.heard.clear()
    await life.world.settle()
    held = [machine for machine in life.world.machines if machine.service.held()]
    for place, machine in enumerate(held):
        await life.decide(machine, keep=place % 2 > 0)
        life.world.passes(2 * HOUR)  # what was just decided is not held against the next
        await life.world.settle(rounds=1)
    await life.world.settle(rounds=2)


def purged(program: Program) -> dict[tuple[str, str], Record]:
    """What a program holds, but for the words of what is deleted, which each purges in its own time."""
    return {name: purge(record) for name, record in program.records().items()}


async def check_equal(life: Life) -> dict[tuple[str, str], Record]:
    """Promise 2: all hold the same, nothing waits, and every log explains its records."""
    server = life.world.server
    expected = purged(server)
    prints = {fingerprint(server.database.read(partial(reading.values, account=1)))}
    for machine in life.world.machines:
        assert purged(machine) == expected, f"{machine.name} differs from the relay"
        assert machine.service.queue_summary().waiting == 0, machine.name
        assert machine.service.held() == []
        prints.add(await machine.service.fingerprint())
    assert len(prints) == 1
    for program in (server, *life.world.machines):
        assert program.wrong_records() == [], program.name
    return expected


def check_nothing_lost(life: Life, records: dict[tuple[str, str], Record]) -> None:
    """Promises 1 and 5: what was acknowledged is known everywhere, and nobody's farthest point shrank."""
    for known in life.ledger.standing:
        assert _covers(records.get(known.record), known.dot), f"lost: {known}"
        assert _logged(life, known), f"not in the log: {known}"
    for name, floor in life.ledger.lowest_furthest().items():
        assert _furthest(records[name]) >= floor, f"{name}: shrank from {floor}"


def _logged(life: Life, known: Known) -> bool:
    """Whether the maker's log tells of an edit. A stretch of playing is one line; old lines are in the checkpoint."""
    (maker,) = (machine for machine in life.world.machines if machine.name == known.maker)
    lines = maker.service.events_of(known.kind, known.key)
    told = any(line.device == known.dot.device and line.number >= known.dot.number for line in lines)
    return told or _covers(maker.folded(known.kind, known.key), known.dot)


def check_newest(life: Life, records: dict[tuple[str, str], Record]) -> None:
    """Where all clocks are right, the newest edit of every record is what holds."""
    said: dict[tuple[str, str], list[Value]] = {}
    for known in life.ledger.ever:
        said.setdefault(known.record, []).append(known.value)
    for known in life.ledger.standing:
        value = value_of(records[known.record])
        assert value.time >= known.value.time, f"an older edit stands: {known}"
        if value.rule == "latest":
            words = [stub_of(each) if value.purged else each for each in said[known.record]]
            assert value in words, f"nobody said so: {value}"


def check_clocks(life: Life, records: dict[tuple[str, str], Record]) -> None:
    """No time stands that was ahead of the relay when it came (DESIGN.md section 5)."""
    assert all(record.time <= life.world.server.latest + CAP for record in records.values())


async def check_last_word(life: Life, who: int) -> None:
    """One last edit by whomever holds everywhere, also when the relay then falls back to an old copy."""
    machine, position = life.machine(who), float(5_000 + len(life.ledger.ever))
    await life.edit(machine, progress(FEEDS[0], EPISODES[0], position=position, played=False))
    await life.world.settle(rounds=2)
    _check_heard_everywhere(life, position)
    await _fall_back(life)
    await come_together(life)
    _check_heard_everywhere(life, position)


async def _fall_back(life: Life) -> None:
    server, copies = life.world.server, life.copies.get("relay")
    life.doubles = True
    await (server.restore(copies[0]) if copies else server.lose_everything(accounts_too=False))


def _check_heard_everywhere(life: Life, position: float) -> None:
    for machine in life.world.machines:
        status = machine.service.play_status(EPISODES[0], FEEDS[0])
        assert status is not None
        assert (status.position, status.played) == (position, False), f"{machine.name} does not hear the last word"


def check_identities(life: Life) -> None:
    """Two machines never stay on one id, and nobody takes a new one without a reason."""
    ids = [machine.id for machine in life.world.machines]
    assert len(set(ids)) == len(ids), f"a clone was not found out: {ids}"
    assert life.doubles or ids == [machine.name for machine in life.world.machines]


async def check_everything(life: Life) -> None:
    """Bring everybody together and check all laws; the life can go on from there."""
    await come_together(life)
    records = await check_equal(life)
    check_nothing_lost(life, records)
    check_clocks(life, records)
    if not life.skewed:
        check_newest(life, records)
    life.settled(records)


async def live(directory: Path, machines: int, steps: Sequence[Step], *, skewed: bool, last: int) -> None:
    """Live a life in a world of its own, check the laws now and then in a long one, and all of them at its end."""
    with small_and_repeatable():
        async with World.open(directory, machines) as world:
            life = Life(world, skewed=skewed)
            for number, step in enumerate(steps, 1):
                world.passes(20)
                await step.play(life)
                if number % CHAPTER == 0:
                    await check_everything(life)
            await check_everything(life)
            await check_last_word(life, last)
            await check_everything(life)
            check_identities(life)


@settings(max_examples=LIVES)
@given(
    steps=st.lists(st.lists(st.randoms(use_true_random=False).map(random_step), max_size=20), min_size=8, max_size=12),
    machines=st.integers(2, 5),
    skewed=st.booleans(),
    last=st.integers(0, 4),
)
def test_any_life_ends_with_equal_libraries_and_nothing_lost(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[Step]], machines: int, skewed: bool, last: int
) -> None:
    directory = tmp_path_factory.mktemp("life")
    asyncio.run(live(directory, machines, list(chain.from_iterable(steps)), skewed=skewed, last=last))


@pytest.mark.slow
@pytest.mark.skipif(not NIGHTLY, reason="runs with HYPOTHESIS_PROFILE=nightly")
@pytest.mark.parametrize("skewed", [False, True], ids=["right clocks", "wrong clocks"])
def test_a_life_of_ten_thousand_steps_ends_with_equal_libraries_and_nothing_lost(tmp_path: Path, skewed: bool) -> None:
    random = Random(1)
    steps = [random_step(random) for _ in range(10_000)]
    asyncio.run(live(tmp_path / "life", 5, steps, skewed=skewed, last=2))
