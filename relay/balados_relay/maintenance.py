"""What a relay does when nobody asks: fold old log entries, forget old tags, give the disk its space back."""

import asyncio
import logging
from collections.abc import Callable

from balados_relay.accounts.service import Accounts
from balados_relay.storage import accounts as storage
from balados_shared.errors import BaladosError
from balados_shared.storage import checkpoints
from balados_shared.storage.database import Database
from balados_shared.times import HOUR

EVERY = 6 * HOUR

_log = logging.getLogger(__name__)


async def keep_tidy(database: Database, accounts: Accounts, clock: Callable[[], int]) -> None:
    """Tidy up every few hours, for ever."""
    while True:
        await asyncio.sleep(EVERY / 1_000)
        try:
            await accounts.save_uses()
            await tidy(database, clock())
        except BaladosError as error:
            _log.warning("could not tidy up: %s", error)


async def tidy(database: Database, now: int) -> int:
    """Fold what is older than 45 days in every library. Returns how many lines of the log were folded."""
    total = 0
    for account in database.read(storage.list_accounts):
        total += await checkpoints.tidy(database, account.id, now=now)
    await database.checkpoint()
    return total
