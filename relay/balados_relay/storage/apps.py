"""What people let apps do: grants as a consent makes them, and the bearer tokens of apps that cannot sign.

All times are in milliseconds; tokens are stored as their SHA-256.
"""

from sqlite3 import Connection

from msgspec import Struct
from msgspec.structs import asdict

from balados_relay.storage.accounts import Grant


class Bearer(Struct, frozen=True):
    """A token that an app shows as it is, and what renews it. Each is a device of its own."""

    account: int
    app_id: str
    device_id: str
    device_name: str
    token_hash: bytes
    refresh_hash: bytes | None
    created: int
    expires: int
    refresh_expires: int | None


_GRANT = ", ".join(f"grants.{name}" for name in Grant.__struct_fields__)
_BEARER = ", ".join(f"bearers.{name}" for name in Bearer.__struct_fields__)
_GRANT_WIDTH = len(Grant.__struct_fields__)


def put_grant(connection: Connection, grant: Grant) -> None:
    """Grant what a person consented to, in place of what the app id had before; a revoked one is good again."""
    names = Grant.__struct_fields__
    news = ("public_key", "device_name", "name", "url", "image", "scopes")
    sql = (
        f"INSERT INTO grants ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)}) "
        f"ON CONFLICT (account, app_id) DO UPDATE SET revoked_at = NULL, "
        + ", ".join(f"{name} = excluded.{name}" for name in news)
    )
    connection.execute(sql, asdict(grant))


def list_active(connection: Connection, account: int) -> list[Grant]:
    """Return the grants in force, the newest first."""
    sql = f"SELECT {_GRANT} FROM grants WHERE account = ? AND revoked_at IS NULL ORDER BY created DESC, app_id"
    return [Grant(*row) for row in connection.execute(sql, (account,))]


def user_id_of(connection: Connection, account: int) -> str:
    """Return the UUID by which tokens name an account."""
    return str(connection.execute("SELECT user_id FROM accounts WHERE id = ?", (account,)).fetchone()[0])


def add_bearer(connection: Connection, bearer: Bearer) -> None:
    """Let a token in."""
    names = Bearer.__struct_fields__
    sql = f"INSERT INTO bearers ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
    connection.execute(sql, asdict(bearer))


def find_bearer(connection: Connection, token_hash: bytes, now: int) -> tuple[Grant, Bearer] | None:
    """Return whose token this is and what they may do, unless it is over or its app revoked."""
    return _found(connection, "token_hash = ? AND expires > ?", token_hash, now)


def find_renewable(connection: Connection, refresh_hash: bytes, now: int) -> tuple[Grant, Bearer] | None:
    """Return the token that this one renews."""
    return _found(connection, "refresh_hash = ? AND refresh_expires > ?", refresh_hash, now)


def renew_bearer(connection: Connection, old: Bearer, new: Bearer) -> bool:
    """Put new tokens in the place of old ones; False when somebody else was quicker."""
    sql = (
        "UPDATE bearers SET token_hash = ?, refresh_hash = ?, expires = ?, refresh_expires = ? "
        "WHERE refresh_hash = ? AND token_hash = ?"
    )
    news = (new.token_hash, new.refresh_hash, new.expires, new.refresh_expires)
    return connection.execute(sql, (*news, old.refresh_hash, old.token_hash)).rowcount == 1


def forget_bearers(connection: Connection, account: int, app_id: str) -> None:
    """Let no token of an app in any more."""
    connection.execute("DELETE FROM bearers WHERE account = ? AND app_id = ?", (account, app_id))


def _found(connection: Connection, condition: str, token_hash: bytes, now: int) -> tuple[Grant, Bearer] | None:
    sql = (
        f"SELECT {_GRANT}, {_BEARER} FROM bearers JOIN grants USING (account, app_id) "
        f"WHERE {condition} AND grants.revoked_at IS NULL"
    )
    row = connection.execute(sql, (token_hash, now)).fetchone()
    return (Grant(*row[:_GRANT_WIDTH]), Bearer(*row[_GRANT_WIDTH:])) if row else None
