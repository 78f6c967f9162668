"""What a daemon does when nobody asks: fold old log lines, purge what is long deleted, give the disk its space back."""

import asyncio
import logging
from collections.abc import Callable

from balados_shared.errors import BaladosError
from balados_shared.storage import checkpoints
from balados_shared.storage.database import Database
from balados_shared.storage.purge import purge_all
from balados_shared.times import DAY, MINUTE

SOON = 5 * MINUTE

_log = logging.getLogger(__name__)


async def keep_tidy(database: Database, account: int, clock: Callable[[], int]) -> None:
    """Tidy up a few minutes after the start (a laptop may never run for a whole day), then once a day."""
    pause = SOON
    while True:
        await asyncio.sleep(pause / 1_000)
        try:
            await checkpoints.tidy(database, account, now=clock())
            await purge_all(database, account, now=clock())
            await database.checkpoint()
        except BaladosError as error:  # tomorrow is another day; until then doctor names it
            _log.warning("could not tidy up: %s", error)
        pause = DAY
