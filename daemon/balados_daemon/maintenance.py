"""What a daemon does when nobody asks: fold the old part of the log, and give the disk its space back."""

import asyncio
from collections.abc import Callable

from balados_shared.storage import checkpoints
from balados_shared.storage.database import Database
from balados_shared.times import DAY


async def keep_tidy(database: Database, account: int, clock: Callable[[], int]) -> None:
    """Tidy up once a day, for ever; the first time a day after the start."""
    while True:
        await asyncio.sleep(DAY / 1_000)
        await checkpoints.tidy(database, account, now=clock())
        await database.checkpoint()
