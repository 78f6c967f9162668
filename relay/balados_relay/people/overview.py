"""What somebody sees of their library at a glance."""

from balados_shared.storage import reading
from balados_shared.storage.database import Database


async def totals(database: Database, account: int) -> dict[str, int]:
    """Return how many records of each kind an account has."""
    return await database.scan(lambda connection: reading.totals(connection, account))
