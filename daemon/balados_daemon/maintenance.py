"""What a daemon does when nobody asks: fold the old part of the log, and give the disk its space back."""

import asyncio
from collections.abc import Callable

from balados_shared.storage import checkpoints
from balados_shared.storage.database import Database
from balados_shared.times import DAY, MINUTE

SOON = 5 * MINUTE


async def keep_tidy(database: Database, account: int, clock: Callable[[], int]) -> None:
    """Tidy up a few minutes after the start (a laptop may never run for a whole day), then once a day."""
    pause = SOON
    while True:
        await asyncio.sleep(pause / 1_000)
        await checkpoints.tidy(database, account, now=clock())
        await database.checkpoint()
        pause = DAY
