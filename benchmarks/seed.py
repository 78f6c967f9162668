"""A library of any size, with ids as they are out there, written by the product's own storage code.

A feed URL has about 45 characters, a guid is a permalink of about 60, an enclosure URL has about 80.
"""

from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection

from balados_shared.ids import EpisodeId, FeedId
from balados_shared.kinds import PlayStatus, Subscription, Value
from balados_shared.record import Head, Record
from balados_shared.storage.database import Database
from balados_shared.storage.library import Library
from balados_shared.storage.migrate import Schema
from balados_shared.storage.reader import LibraryReader
from balados_shared.times import Instant

ACCOUNT = 1
"""The first account of a relay, and the only one of a daemon."""

BEGUN = 1_760_000_000_000
_DEVICE = "seed4k7qfm"
_PAGE = 10_000


def feed(number: int) -> FeedId:
    """Return the id of a feed."""
    return FeedId.of(f"https://feeds.{_site(number)}/shows/{number:06}/rss")


def episode(number: int, of: int) -> EpisodeId:
    """Return the id of an episode of feed `of`: as out there, its addresses begin like those of its siblings."""
    guid = f"https://www.{_site(of)}/shows/{of:06}/episodes/{number:07}-a-permalink"
    return EpisodeId.of(guid, f"https://media.{_site(of)}/audio/shows/{of:06}/season-03/{number:07}-final.mp3")


def report(number: int, position: float, *, feeds: int = 1_000, state: str = "paused") -> dict[str, object]:
    """Return a position report of a seeded episode, as a player sends it."""
    of = number % feeds
    return {
        "rss_source_feed": str(feed(of)),
        "rss_source_item": str(episode(number, of)),
        "position": position,
        "played": False,
        "state": state,
    }


def _site(number: int) -> str:
    return f"example-{number * 7_919 % 997:03}.org"


async def fill(
    file: Path, schemas: tuple[Schema, ...], *, subscriptions: int, statuses: int, grouped: bool = False
) -> str:
    """Write a library into a database that no program has open; return the cursor of its end.

    The statuses come in the order of listening, which goes from feed to feed; `grouped` by feed they are written many
    times faster.
    """
    database = await Database.open(file, schemas)
    try:
        for page in _pages(_values(subscriptions, statuses, grouped)):
            await database.write(lambda connection, page=page: _join(connection, page))  # type: ignore[misc]
        await database.checkpoint()
        return LibraryReader(database, ACCOUNT).head().write()
    finally:
        await database.close()


def _join(connection: Connection, records: list[Record]) -> None:
    with Library(connection, ACCOUNT) as library:
        library.join_all(records, now=BEGUN)


def _values(subscriptions: int, statuses: int, grouped: bool) -> Iterator[Value]:
    for number in range(subscriptions):
        yield Subscription(
            rss_source_feed=feed(number), subscribed_at=Instant(BEGUN + number), title=f"The show with number {number}"
        )
    for number in range(statuses):
        of = number * subscriptions // statuses if grouped else number % (subscriptions or 1)
        yield PlayStatus(
            rss_source_feed=feed(of),
            rss_source_item=episode(number, of),
            position=float(number % 3_600) + 0.5,
            duration=3_600.0,
            played=number % 3 == 0,
            updated_at=Instant(BEGUN + number),
        )


def _pages(values: Iterator[Value]) -> Iterator[list[Record]]:
    page: list[Record] = []
    for number, value in enumerate(values, BEGUN):
        page.append(Record.of([Head(_DEVICE, number, value)], {}))
        if len(page) == _PAGE:
            yield page
            page = []
    yield page
