"""How far each device that this program numbers for has counted its changes. A count only grows."""

from sqlite3 import Connection


def load(connection: Connection, account: int, device: str) -> int:
    """Return the last number a device used, 0 for none."""
    row = connection.execute("SELECT number FROM counts WHERE account = ? AND device = ?", (account, device)).fetchone()
    return row[0] if row else 0


def save(connection: Connection, account: int, device: str, number: int) -> None:
    """Remember the last number a device used."""
    sql = "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET number = max(number, excluded.number)"
    connection.execute(sql, (account, device, number))
