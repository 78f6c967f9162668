"""Changes that come together: one that fails, for whatever reason, leaves nobody waiting."""

import asyncio
from sqlite3 import Connection

import pytest

from balados_daemon.app import Daemon
from balados_shared.edit import Edit, progress
from balados_shared.errors import InvalidInput
from balados_shared.ids import EpisodeId, FeedId

FEED = FeedId.of("https://example.org/feed.xml")


def said(number: int) -> Edit:
    return progress(FEED, EpisodeId.of(f"ep-{number}", None), position=float(number))


async def test_a_refused_change_takes_no_other_with_it(daemon: Daemon) -> None:
    wrong = progress(FEED, EpisodeId.of("wrong", None), position=-1.0)
    outcomes = await asyncio.gather(
        daemon.library.edit(said(1)), daemon.library.edit(wrong), daemon.library.edit(said(2)), return_exceptions=True
    )
    assert isinstance(outcomes[1], InvalidInput)
    assert daemon.library.number_of("play_status") == 2


async def test_a_bug_reaches_all_who_wait_and_the_next_change_goes_through(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection: Connection, *_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("balados_daemon.editing.make_all", broken)
        async with asyncio.timeout(5):
            outcomes = await asyncio.gather(*(daemon.library.edit(said(n)) for n in range(300)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ZeroDivisionError}
    async with asyncio.timeout(5):
        assert await daemon.library.edit(said(1)) is not None
