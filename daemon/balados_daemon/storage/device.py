"""Who this device is, and its relay, in the database."""

from sqlite3 import Connection

from msgspec import Struct, json

ACCOUNT = 1
"""The one library of a daemon, for now."""


class Device(Struct, frozen=True):
    """Who we are in a library. `runs` are process runs: the last that the relay answered, then those since."""

    id: str
    name: str
    runs: tuple[str, ...] = ()


class Relay(Struct, frozen=True, kw_only=True):
    """The relay that a library is paired with, and how it went. `key` is a secret."""

    url: str
    user_id: str
    app_id: str
    key: str
    cursor: str = ""
    clock_offset: int = 0
    paired_at: int
    synced_at: int | None = None
    trouble: str | None = None
    refused: bool = False
    notice: str | None = None
    version: str = ""


def load_device(connection: Connection, account: int) -> Device | None:
    """Return who we are, or None before the first start."""
    row = connection.execute("SELECT id, name, runs FROM device WHERE account = ?", (account,)).fetchone()
    return Device(row[0], row[1], tuple(json.decode(row[2]))) if row else None


def save_device(connection: Connection, account: int, device: Device) -> None:
    """Remember who we are."""
    row = (account, device.id, device.name, json.encode(device.runs).decode())
    connection.execute("INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?)", row)


def load_relay(connection: Connection, account: int) -> Relay | None:
    """Return the relay we are paired with."""
    names = Relay.__struct_fields__
    row = connection.execute(f"SELECT {', '.join(names)} FROM relays WHERE account = ?", (account,)).fetchone()
    if row is None:
        return None
    fields = dict(zip(names, row, strict=True))
    return Relay(**{**fields, "refused": bool(fields["refused"])})


def save_relay(connection: Connection, account: int, relay: Relay) -> None:
    """Remember a relay, in place of the one before."""
    names = Relay.__struct_fields__
    places = ", ".join("?" * (len(names) + 1))
    row = (account, *(getattr(relay, name) for name in names))
    connection.execute(f"INSERT OR REPLACE INTO relays (account, {', '.join(names)}) VALUES ({places})", row)


def device_names(connection: Connection, account: int) -> dict[str, str]:
    """Return what the devices of the library call themselves, by id."""
    return dict(connection.execute("SELECT id, name FROM device_names WHERE account = ?", (account,)))


def save_device_names(connection: Connection, account: int, names: dict[str, str]) -> None:
    """Remember what devices call themselves."""
    rows = [(account, device, name) for device, name in names.items()]
    connection.executemany("INSERT OR REPLACE INTO device_names VALUES (?, ?, ?)", rows)
