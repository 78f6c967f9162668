"""App passwords, by the SHA-256 of their text. All times are in milliseconds."""

from sqlite3 import Connection

from msgspec import Struct

from balados_relay.storage.accounts import folded


class AppPassword(Struct, frozen=True):
    """A password for one client. Its text is nowhere."""

    id: int
    account: int
    client: str
    created: int
    last_used: int | None


_ROW = ", ".join(f"app_passwords.{name}" for name in AppPassword.__struct_fields__)


def add_app_password(connection: Connection, account: int, client: str, password_hash: bytes, now: int) -> None:
    """Let a password in."""
    sql = "INSERT INTO app_passwords (account, client, hash, created) VALUES (?, ?, ?, ?)"
    connection.execute(sql, (account, client, password_hash, now))


def find_app_password(connection: Connection, name: str, password_hash: bytes) -> AppPassword | None:
    """Return the password with this hash, if it is one of the account of that name."""
    sql = (
        f"SELECT {_ROW} FROM app_passwords JOIN accounts ON accounts.id = app_passwords.account "
        "WHERE hash = ? AND folded = ?"
    )
    row = connection.execute(sql, (password_hash, folded(name))).fetchone()
    return AppPassword(*row) if row else None


def list_app_passwords(connection: Connection, account: int) -> list[AppPassword]:
    """Return the passwords of an account, the newest first."""
    sql = f"SELECT {_ROW} FROM app_passwords WHERE account = ? ORDER BY created DESC, id DESC"
    return [AppPassword(*row) for row in connection.execute(sql, (account,))]


def forget_app_password(connection: Connection, account: int, id: int) -> bool:
    """Let a password in no more; False when the account has no such one."""
    sql = "DELETE FROM app_passwords WHERE account = ? AND id = ?"
    return connection.execute(sql, (account, id)).rowcount == 1


def touch_app_password(connection: Connection, id: int, now: int) -> None:
    """Note that a password was used."""
    sql = "UPDATE app_passwords SET last_used = max(coalesce(last_used, 0), ?) WHERE id = ?"
    connection.execute(sql, (now, id))
