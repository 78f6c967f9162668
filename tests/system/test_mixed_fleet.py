"""Two stock clients and two daemons on one account: they converge, and no stock client undoes what it never saw."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from balados_relay.app import Relay, create_app
from balados_relay.storage import accounts as storage
from balados_relay.storage.accounts import Grant
from balados_shared.edit import Edit, like, progress, subscribe, unlike, unsubscribe
from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import PlayStatus
from balados_shared.record import Record
from balados_shared.rules import value_of
from balados_shared.times import HOUR, MINUTE
from balados_shared.tokens import new_key, public_pem, sign_request
from support.loopback import client_of
from support.stock_client import Episode, StockClient
from support.world import Fault, Machine, Trouble, World

FEEDS = [FeedId.of(f"https://example.com/{number}.xml") for number in range(2)]
EPISODES = [
    Episode(feed, EpisodeId.of(f"guid-{feed_number}-{number}", f"https://example.com/{feed_number}/{number}.mp3"))
    for feed_number, feed in enumerate(FEEDS)
    for number in range(2)
]
FEED, EPISODE = FEEDS[0], EPISODES[0]


class Fleet:
    """Daemons, stock clients, and the relay between them."""

    def __init__(self, world: World, clients: list[StockClient]) -> None:
        self.world = world
        self.clients = clients

    @property
    def daemons(self) -> list[Machine]:
        return self.world.machines

    def passes(self, milliseconds: int) -> None:
        self.world.passes(milliseconds)

    def subscribed(self) -> set[FeedId]:
        """What the relay says is subscribed to."""
        return {value.rss_source_feed for value in self.world.server.reader.subscriptions()}

    def position(self, episode: Episode = EPISODE) -> float:
        """Where the relay says that an episode stands."""
        status = self.world.server.reader.play_status(episode.item, episode.feed)
        assert status is not None
        return status.position

    async def settle(self) -> None:
        for _ in range(4):
            await self.world.settle(rounds=1)
            for client in self.clients:
                self.passes(1_000)
                client.online = True
                assert await client.sync()


@asynccontextmanager
async def fleet(directory: Path, *, daemons: int = 2, clients: int = 2) -> AsyncIterator[Fleet]:
    async with World.open(directory, daemons) as world:
        server = world.server
        relay = Relay(server.database, "token", server.clock)
        async with client_of(create_app(relay), None) as http:
            installed = []
            for number in range(clients):
                app_id = f"org.example.web{number}"
                token = await stock_app(relay, app_id, server.user_id, server.clock)
                author = relay.accounts.authenticate(token()).author
                installed.append(StockClient(http, token, server.clock, author))
            yield Fleet(world, installed)


async def stock_app(relay: Relay, app_id: str, user_id: str, clock: Callable[[], int]) -> Callable[[], str]:
    """Let an app in; returns what signs its tokens."""
    key, numbers = new_key(), count()
    grant = Grant(1, app_id, public_pem(key), "Web", clock(), name="Web", scopes="*")
    await relay.database.write(lambda connection: storage.add_grant(connection, grant))

    def token() -> str:
        return sign_request(
            key,
            app_id=app_id,
            user_id=user_id,
            device_id=app_id,
            device_name="Web",
            now=clock(),
            token_id=f"t{next(numbers)}",
        )

    return token


@pytest.fixture
async def household(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet(tmp_path / "world") as household:
        yield household


async def heard(household: Fleet, who: Machine, wish: Edit) -> None:
    """A daemon's person does something, and the relay has it."""
    household.passes(1_000)
    await who.edit(wish)
    assert await who.sync() is not None


async def test_what_a_daemon_unsubscribed_is_not_brought_back_by_a_client_that_still_has_it(household: Fleet) -> None:
    daemon, client = household.daemons[0], household.clients[0]
    await heard(household, daemon, subscribe(FEED))
    await client.sync()
    assert FEED in client.subscriptions
    await heard(household, daemon, unsubscribe(FEED))
    household.passes(HOUR)
    await client.sync()
    assert household.subscribed() == set()
    assert FEED not in client.subscriptions


async def test_a_client_that_was_away_cannot_rewind_what_it_never_saw(household: Fleet) -> None:
    daemon, client = household.daemons[0], household.clients[0]
    client.online = False
    client.play(EPISODE, 30)
    household.passes(HOUR)
    await heard(household, daemon, progress(*EPISODE, position=2_400.0))
    household.passes(HOUR)
    client.online = True
    await client.process_queue()
    assert household.position() == 2_400


async def test_what_a_client_saw_it_may_rewind(household: Fleet) -> None:
    daemon, client = household.daemons[0], household.clients[0]
    await heard(household, daemon, progress(*EPISODE, position=2_400.0))
    assert await client.open(EPISODE) == 2_400
    client.play(EPISODE, 30)
    household.passes(MINUTE)
    await client.process_queue()
    assert household.position() == 30


async def test_a_client_alone_goes_where_it_likes(household: Fleet) -> None:
    client = household.clients[0]
    for position in (500, 20, 900, 100):
        household.passes(MINUTE)
        client.play(EPISODE, position)
        await client.process_queue()
        assert household.position() == position


async def test_a_late_unsubscription_does_not_end_a_subscription_it_never_saw(household: Fleet) -> None:
    daemon, client = household.daemons[0], household.clients[0]
    await heard(household, daemon, subscribe(FEED))
    await client.sync()
    client.online = False
    client.unsubscribe(FEED)
    await heard(household, daemon, unsubscribe(FEED))
    household.passes(HOUR)
    await heard(household, daemon, subscribe(FEED))
    household.passes(HOUR)
    client.online = True
    await client.process_queue()
    assert household.subscribed() == {FEED}


async def test_an_unsubscription_takes_effect_everywhere(household: Fleet) -> None:
    daemon, client, other = household.daemons[0], *household.clients
    await heard(household, daemon, subscribe(FEED))
    for each in (client, other):
        await each.sync()
    client.unsubscribe(FEED)
    household.passes(MINUTE)
    await client.process_queue()
    assert household.subscribed() == set()
    await household.settle()
    assert household.subscribed() == set()
    assert not other.subscriptions


async def test_what_arrives_late_reaches_a_client_that_synced_in_between(household: Fleet) -> None:
    early, late, client = *household.daemons, household.clients[0]
    await early.edit(progress(*EPISODE, position=100.0))
    household.passes(HOUR)
    await heard(household, late, subscribe(FEED))
    await client.sync()
    assert EPISODE.item not in client.plays
    await early.sync()
    household.passes(1_000)
    await client.sync()
    assert client.plays[EPISODE.item].position == 100


async def test_a_client_that_puts_its_own_clock_into_since_misses_nothing(household: Fleet) -> None:
    daemon, client = household.daemons[0], household.clients[0]
    await client.sync()
    client.last_sync = "2030-01-01T00:00:00.000Z"
    await heard(household, daemon, subscribe(FEED))
    await client.sync()
    assert set(client.subscriptions) == {FEED}


async def test_a_client_that_returns_what_it_was_given_changes_nothing(household: Fleet) -> None:
    daemon, client = household.daemons[0], household.clients[0]
    await heard(household, daemon, subscribe(FEED))
    await heard(household, daemon, progress(*EPISODE, position=12.7))
    await client.sync()
    before = household.world.server.reader.head()
    for _ in range(3):
        household.passes(MINUTE)
        await client.sync()
    assert household.world.server.reader.head() == before


async def test_a_row_that_a_client_only_returns_does_not_undo_a_rewind(household: Fleet) -> None:
    daemon, client = household.daemons[0], household.clients[0]
    client.play(EPISODE, 900)
    await client.sync()
    await daemon.sync()
    await heard(household, daemon, progress(*EPISODE, position=100.0))
    household.passes(1_000)
    await client.sync()
    assert household.position() == 100


async def test_a_client_that_cannot_unmark_does_not_mark_again_what_a_daemon_unmarked(household: Fleet) -> None:
    daemon, client = household.daemons[0], household.clients[0]
    client.play(EPISODE, 3_600, completed=True)
    await client.sync()
    await daemon.sync()
    await heard(household, daemon, progress(*EPISODE, position=0.0, played=False))
    for _ in range(3):
        household.passes(HOUR)
        await client.sync()
    status = household.world.server.reader.play_status(EPISODE.item)
    assert status is not None
    assert (status.position, status.played) == (0, False)
    assert client.plays[EPISODE.item].completed


# Any life


class Act(NamedTuple):
    """One thing that somebody does."""

    who: int
    what: int
    where: int
    position: int
    wait: int


ACTS = st.builds(
    Act,
    who=st.integers(0, 3),
    what=st.integers(0, 11),
    where=st.integers(0, 3),
    position=st.integers(0, 3_000),
    wait=st.sampled_from([1_000, MINUTE, 10 * MINUTE, 3 * HOUR]),
)


@settings(max_examples=25, phases=[Phase.generate])
@given(acts=st.lists(ACTS, min_size=10, max_size=60))
def test_any_mixed_fleet_converges_and_nobody_undoes_what_they_never_saw(
    tmp_path_factory: pytest.TempPathFactory, acts: list[Act]
) -> None:
    anyio.run(live, tmp_path_factory.mktemp("fleet"), acts)


async def live(directory: Path, acts: list[Act]) -> None:
    async with fleet(directory / "world") as household:
        for act in acts:
            household.passes(act.wait)
            if act.who < 2:
                await daemon_acts(household.daemons[act.who], act)
            else:
                await client_acts(household, household.clients[act.who - 2], act)
        await household.settle()
        records = household.world.server.records()
        for daemon in household.daemons:
            assert daemon.records() == records
        assert household.world.server.wrong_records() == []
        for client in household.clients:
            assert set(client.subscriptions) == household.subscribed()


async def daemon_acts(daemon: Machine, act: Act) -> None:
    feed, episode = FEEDS[act.where % len(FEEDS)], EPISODES[act.where]
    wishes = [
        subscribe(feed),
        unsubscribe(feed),
        progress(*episode, position=float(act.position)),
        progress(*episode, position=float(act.position), played=act.position % 2 == 0),
        like(feed),
        unlike(feed),
    ]
    if act.what < len(wishes):
        await daemon.edit(wishes[act.what])
    if act.what >= len(wishes) or act.position % 2:
        lost = Trouble.ANSWER_LOST if act.what == 11 else Trouble.NONE
        await daemon.sync(Fault(lost))


async def client_acts(household: Fleet, client: StockClient, act: Act) -> None:
    feed, episode = FEEDS[act.where % len(FEEDS)], EPISODES[act.where]
    match act.what:
        case 0:
            client.subscribe(feed)
        case 1 if feed in client.subscriptions:
            client.unsubscribe(feed)
        case 2 | 3:
            client.play(episode, act.position, completed=act.what == 3 and act.position > 2_000)
        case 4:
            client.like(feed)
        case 5:
            client.unlike(feed)
        case 6 | 7:
            client.online = act.what == 6
        case 8:
            await client.open(episode)
        case 9:
            await processing(household, client)
        case 10 | 11:
            await processing(household, client)
            await client.sync()


async def processing(household: Fleet, client: StockClient) -> None:
    """Let a client send its queue, whose acts have no date: what it was not given stays."""
    before = household.world.server.records()
    sent = {letter.about for letter in client.queue}
    await client.process_queue()
    after = household.world.server.records()
    for name, record in before.items():
        old, new = value_of(record), value_of(after[name])
        if not isinstance(old, PlayStatus) or not isinstance(new, PlayStatus):
            continue
        assert new.furthest >= old.furthest
        if f"play {old.rss_source_item}" not in sent:
            assert new == old
        elif not knows(client, record):
            assert new.position >= old.position
            assert new.played >= old.played


def knows(client: StockClient, record: Record) -> bool:
    """Whether a client was given what a record says, or said all of it."""
    value = value_of(record)
    assert isinstance(value, PlayStatus)
    is_its_own = all(head.device == client.author for head in record.heads)
    return is_its_own or client.seen.get(value.rss_source_item) == (int(value.position), value.played)
