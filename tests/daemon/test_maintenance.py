"""What a daemon does when nobody asks."""

import asyncio

import pytest

from balados_daemon import maintenance
from balados_daemon.app import Daemon
from balados_shared.edit import subscribe, unsubscribe
from balados_shared.storage import reading
from balados_shared.storage.checkpoints import KEPT, wrong_records
from balados_shared.times import DAY
from support.loopback import Clock, until
from support.strategies import FEED

SECRET = "what somebody wrote"


async def test_what_was_left_long_ago_is_purged(daemon: Daemon, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    account, database = daemon.library.account, daemon.database
    await daemon.library.edit(subscribe(FEED, title=SECRET))
    clock.now += DAY
    await daemon.library.edit(unsubscribe(FEED))
    clock.now += KEPT + DAY
    monkeypatch.setattr(maintenance, "SOON", 1)
    tidying = asyncio.create_task(maintenance.keep_tidy(database, account, clock))
    try:
        await until(lambda: not database.read(lambda connection: any(SECRET in row for row in connection.iterdump())))
    finally:
        tidying.cancel()
        await asyncio.gather(tidying, return_exceptions=True)
    stub = database.read(lambda connection: reading.find(connection, account, "subscription", FEED))
    assert stub
    assert stub.name.purged
    assert database.read(lambda connection: list(wrong_records(connection, account))) == []
