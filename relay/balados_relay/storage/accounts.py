"""Accounts, the keys that may speak for them, their pairing codes, and what is known of their devices.

All times are in milliseconds; `now` is an argument.
"""

from sqlite3 import Connection
from unicodedata import normalize

from msgspec import Struct
from msgspec.structs import asdict


class Account(Struct, frozen=True):
    """A person whose library the relay keeps."""

    id: int
    user_id: str
    name: str
    created: int


class Grant(Struct, frozen=True):
    """An app id under which a public key, or its bearer tokens alone (key ''), may speak for an account.

    `scopes` is one text with spaces between them.
    """

    account: int
    app_id: str
    public_key: str
    device_name: str
    created: int
    last_used: int | None = None
    revoked_at: int | None = None
    name: str = ""
    url: str | None = None
    image: str | None = None
    scopes: str = "user.sync"


class Counter(Struct, frozen=True):
    """What the relay knows of a device id: see the table `counters`."""

    device_id: str
    app_id: str
    name: str
    count: int
    run: str
    cursor: str
    last_seen: int


_ACCOUNT = "accounts.id, accounts.user_id, accounts.name, accounts.created"
_GRANT = ", ".join(f"grants.{name}" for name in Grant.__struct_fields__)
_COUNTER = ", ".join(Counter.__struct_fields__)


def create_account(connection: Connection, *, user_id: str, name: str, now: int) -> Account:
    """Make an account. The name must be free, which `find_account` tells.

    Its number is one that nobody had before, so that nothing left of a deleted account can ever be another's.
    """
    sql = (
        "INSERT INTO accounts (id, user_id, name, folded, created) "
        "SELECT 1 + max(coalesce((SELECT max(id) FROM accounts), 0), "
        "coalesce((SELECT max(account) FROM deletions), 0)), ?, ?, ?, ? "
        f"RETURNING {_ACCOUNT}"
    )
    return Account(*connection.execute(sql, (user_id, name, folded(name), now)).fetchone())


def find_account(connection: Connection, name: str) -> Account | None:
    """Return the account of that name, in whatever case it is typed."""
    sql = f"SELECT {_ACCOUNT} FROM accounts WHERE folded = ?"
    row = connection.execute(sql, (folded(name),)).fetchone()
    return Account(*row) if row else None


def list_accounts(connection: Connection) -> list[Account]:
    """Return all accounts by name."""
    return [Account(*row) for row in connection.execute(f"SELECT {_ACCOUNT} FROM accounts ORDER BY folded")]


def add_invite(connection: Connection, account: int, code_hash: bytes, *, now: int, expires: int) -> None:
    """Let a code be redeemed until `expires`. Forgets all that have expired."""
    forget_expired_invites(connection, now)
    sql = "INSERT INTO invites (account, code_hash, created, expires) VALUES (?, ?, ?, ?)"
    connection.execute(sql, (account, code_hash, now, expires))


def forget_expired_invites(connection: Connection, now: int) -> int:
    """Forget the pairing codes that are over; return how many."""
    return connection.execute("DELETE FROM invites WHERE expires <= ?", (now,)).rowcount


def peek_invite(connection: Connection, code_hash: bytes, now: int) -> Account | None:
    """Return whose code it is, if it could be redeemed now."""
    sql = (
        f"SELECT {_ACCOUNT} FROM invites JOIN accounts ON accounts.id = account "
        "WHERE code_hash = ? AND used_at IS NULL AND expires > ?"
    )
    row = connection.execute(sql, (code_hash, now)).fetchone()
    return Account(*row) if row else None


def redeem_invite(connection: Connection, code_hash: bytes, now: int) -> Account | None:
    """Use up a code and return whose it is; None when it is unknown, used or expired."""
    account = peek_invite(connection, code_hash, now)
    connection.execute("UPDATE invites SET used_at = ? WHERE code_hash = ? AND used_at IS NULL", (now, code_hash))
    return account


def add_grant(connection: Connection, grant: Grant) -> None:
    """Register a key, or take back its revocation. The app id must not belong to another key (`get_grant` tells)."""
    names = Grant.__struct_fields__
    sql = (
        f"INSERT INTO grants ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)}) "
        "ON CONFLICT (account, app_id) DO UPDATE SET device_name = excluded.device_name, revoked_at = NULL "
        "WHERE public_key = excluded.public_key"
    )
    row = asdict(grant)
    if connection.execute(sql, row).rowcount != 1:
        raise ValueError("an app id is never given to another key")


def get_grant(connection: Connection, account: int, app_id: str) -> Grant | None:
    """Return what was granted to an app id of an account, also when it is revoked."""
    sql = f"SELECT {_GRANT} FROM grants WHERE account = ? AND app_id = ?"
    row = connection.execute(sql, (account, app_id)).fetchone()
    return Grant(*row) if row else None


def find_grant(connection: Connection, user_id: str, app_id: str) -> Grant | None:
    """Return the grant that a token names, unless it is revoked."""
    sql = (
        f"SELECT {_GRANT} FROM accounts JOIN grants ON account = accounts.id "
        "WHERE user_id = ? AND app_id = ? AND revoked_at IS NULL"
    )
    row = connection.execute(sql, (user_id, app_id)).fetchone()
    return Grant(*row) if row else None


def list_grants(connection: Connection, account: int) -> list[Grant]:
    """Return all grants of an account, the revoked ones too, in the order they were made."""
    sql = f"SELECT {_GRANT} FROM grants WHERE account = ? ORDER BY created, app_id"
    return [Grant(*row) for row in connection.execute(sql, (account,))]


def revoke_grant(connection: Connection, account: int, app_id: str, now: int) -> bool:
    """Revoke a grant; False when there is none in force."""
    sql = "UPDATE grants SET revoked_at = ? WHERE account = ? AND app_id = ? AND revoked_at IS NULL"
    return connection.execute(sql, (now, account, app_id)).rowcount == 1


def touch(connection: Connection, account: int, app_id: str, now: int) -> None:
    """Note that a grant was used."""
    sql = "UPDATE grants SET last_used = max(coalesce(last_used, 0), ?) WHERE account = ? AND app_id = ?"
    connection.execute(sql, (now, account, app_id))


def get_counter(connection: Connection, account: int, device_id: str) -> Counter | None:
    """Return what is known of a device id."""
    sql = f"SELECT {_COUNTER} FROM counters WHERE account = ? AND device_id = ?"
    row = connection.execute(sql, (account, device_id)).fetchone()
    return Counter(*row) if row else None


def put_counter(connection: Connection, account: int, counter: Counter) -> None:
    """Remember what is known of a device id. Its count never goes down."""
    places = ", ".join(f":{name}" for name in Counter.__struct_fields__)
    sql = (
        f"INSERT INTO counters (account, {_COUNTER}) VALUES (:account, {places}) "
        "ON CONFLICT (account, device_id) DO UPDATE SET app_id = :app_id, name = :name, "
        "count = max(count, :count), run = :run, cursor = :cursor, last_seen = :last_seen"
    )
    connection.execute(sql, {"account": account, **asdict(counter)})


def list_counters(connection: Connection, account: int) -> list[Counter]:
    """Return all devices of an account, the last seen first."""
    sql = f"SELECT {_COUNTER} FROM counters WHERE account = ? ORDER BY last_seen DESC, device_id"
    return [Counter(*row) for row in connection.execute(sql, (account,))]


def folded(name: str) -> str:
    """Return a name as names are compared: without its case, and however its letters are put together."""
    return normalize("NFKC", normalize("NFKC", name).casefold())
