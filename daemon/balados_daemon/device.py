"""What a device can be asked beyond its library: the parts of the daemon behind one door for the API."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from balados_daemon import episodes, status
from balados_daemon.episodes import Episode
from balados_daemon.feeds.refresh import Feeds
from balados_daemon.library_service import LibraryService
from balados_daemon.receiving import Received
from balados_daemon.status import Check, Status
from balados_daemon.storage import device as device_storage
from balados_daemon.storage import feeds as feeds_storage
from balados_daemon.storage.feeds import CachedEpisode, CachedFeed
from balados_daemon.sync import pairing
from balados_daemon.sync.engine import Engine
from balados_daemon.sync.line import RelayUnavailable, SyncTrouble
from balados_daemon.sync.pairing import JoinPlan
from balados_daemon.sync.relay_client import RelayHttp
from balados_daemon.why import Cause, causes
from balados_shared import problems
from balados_shared.errors import BaladosError
from balados_shared.http.shapes import play_shape
from balados_shared.ids import FeedId
from balados_shared.kinds import PlayStatus
from balados_shared.problems import Problem
from balados_shared.storage.database import Database
from balados_shared.storage.log import Event

ASKING = 3.0
"""Seconds to wait for the relay where a person waits for what is known here."""


class Followed(Struct, frozen=True):
    """A subscription as a person reads it."""

    url: str
    title: str | None
    subscribed_at: str


class DeviceService:
    """What the API asks of a device. Troubles with the relay or a feed come out as Problem 502, 503 or 409."""

    def __init__(
        self,
        database: Database,
        library: LibraryService,
        engine: Engine,
        feeds: Feeds,
        clock: Callable[[], int],
        data_dir: Path,
    ) -> None:
        self._database = database
        self.library = library
        self._engine = engine
        self._feeds = feeds
        self._clock = clock
        self._data_dir = data_dir

    def status(self) -> Status:
        """Return how it stands."""
        return status.status(self.library, self._engine, self._clock)

    async def examine(self) -> list[Check]:
        """Look at everything that can be wrong."""
        return await status.examine(self._database, self.library, self._engine, self._data_dir)

    async def sync(self) -> Received:
        """Run one round now."""
        try:
            return await self._engine.sync_now()
        except SyncTrouble as trouble:
            raise _relay_problem(trouble) from None

    async def preview_pairing(self, url: str, code: str) -> JoinPlan:
        """Say what joining a relay would do."""
        async with self._relay_at(url) as http:
            return await pairing.preview(http, self.library, code)

    async def pair(self, url: str, code: str) -> str:
        """Join a relay; return whose library it keeps. What both sides lack is exchanged behind."""
        async with self._relay_at(url) as http:
            address = pairing.check_url(url)
            joined = await pairing.join(http, address, code, self.library.device, self._clock)
        await self._engine.join(joined.relay)
        return joined.account

    @asynccontextmanager
    async def _relay_at(self, url: str) -> AsyncIterator[RelayHttp]:
        """Give requests to a relay that is not ours yet."""
        try:
            async with RelayHttp(pairing.check_url(url)) as http:
                yield http
        except SyncTrouble as trouble:
            raise _relay_problem(trouble) from None

    async def why(self, name: str) -> tuple[Episode, dict[str, Any] | None, list[Cause], bool]:
        """Return an episode, where it stands, what led there, and whether the relay could be asked too."""
        episode = await self.find_episode(name)
        here = self.library.events_of(PlayStatus.kind, episode.key)
        elsewhere, names, asked = await self._ask_relay(episode.key)
        status = self.library.play_status(episode.item, episode.feed)
        titles = self.library.feed_titles([episode.feed])
        stands = play_shape(status, self.library.user_id, titles) if status else None
        return episode, stands, causes(here, elsewhere, names), asked

    async def find_episode(self, name: str) -> Episode:
        """Find an episode by what a person types."""
        return await episodes.find_episode(self._database, self.library, name)

    async def episodes(self, feed: str, *, refresh: bool) -> tuple[CachedFeed, list[CachedEpisode]]:
        """Return a feed and its episodes."""
        try:
            return await self._feeds.listing(FeedId.read(feed), refresh=refresh)
        except Problem:
            raise
        except BaladosError as error:
            raise Problem(502, "BAD_GATEWAY", str(error)) from None

    def followed(self) -> list[Followed]:
        """Return the subscriptions, newest first, titled as this device has read them."""
        subscriptions = self.library.subscriptions()
        self._feeds.read_behind(subscription.rss_source_feed for subscription in subscriptions)
        titles = self._database.read(feeds_storage.titles)
        return [
            Followed(
                subscription.rss_source_feed.url,
                titles.get(subscription.rss_source_feed) or subscription.title,
                subscription.subscribed_at.write(),
            )
            for subscription in subscriptions
        ]

    async def _ask_relay(self, key: str) -> tuple[list[Event], dict[str, str], bool]:
        """Ask the relay's log too, if it can be reached; else do with what we know."""
        relay, own = self._engine.membership.relay, self.library.device
        names = self._database.read(lambda c: device_storage.device_names(c, self.library.account))
        elsewhere: list[Event] = []
        asked = False
        if relay is not None:
            try:
                async with RelayHttp(relay.url, timeout=ASKING) as http:
                    client = self._engine.client(relay, http)
                    elsewhere = await client.events(PlayStatus.kind, key)
                    names |= await client.devices()
                    asked = True
            except SyncTrouble:
                asked = False
            await self._database.write(lambda c: device_storage.save_device_names(c, self.library.account, names))
        return elsewhere, names | {own.id: f"{own.name} (this device)"}, asked


def _relay_problem(trouble: SyncTrouble) -> Problem:
    if isinstance(trouble, RelayUnavailable):
        return Problem(503, "RELAY_UNAVAILABLE", str(trouble))
    return problems.conflict("RELAY_REFUSED", str(trouble))
