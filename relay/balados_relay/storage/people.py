"""People: passwords and roles of accounts, sessions, invitations for new people, and accounts that are gone.

All times are in milliseconds; `now` is an argument. Secrets come in as hashes.
"""

from sqlite3 import Connection, Cursor
from typing import Any

from msgspec import Struct

from balados_relay.storage.accounts import folded


class Login(Struct, frozen=True):
    """An account as somebody who may log in: `password` is an Argon2id hash, None when nobody can."""

    account: int
    user_id: str
    name: str
    role: str
    created: int
    password: str | None


class Session(Struct, frozen=True):
    """A browser that is logged in."""

    id: int
    account: int
    agent: str
    remembered: bool
    created: int
    last_seen: int
    expires: int


class Invitation(Struct, frozen=True):
    """An invitation that nobody has used yet. Its hash names it."""

    code_hash: bytes
    created: int
    expires: int


_LOGIN = "accounts.id, user_id, name, role, accounts.created, password"
_SESSION = ", ".join(f"sessions.{name}" for name in Session.__struct_fields__)

_OF_AN_ACCOUNT = (
    "sessions",
    "invitations",
    "app_passwords",
    "bearers",
    "grants",
    "invites",
    "counters",
    "shares",
)
"""The relay's own tables that name an account, those that point at others first."""


# Logging in


def find_login(connection: Connection, name: str) -> Login | None:
    """Return the account of that name, in whatever case it is typed."""
    return _login(connection, f"SELECT {_LOGIN} FROM accounts WHERE folded = ?", folded(name))


def find_login_by_id(connection: Connection, user_id: str) -> Login | None:
    """Return the account with that user id."""
    return _login(connection, f"SELECT {_LOGIN} FROM accounts WHERE user_id = ?", user_id)


def get_login(connection: Connection, account: int) -> Login | None:
    """Return an account by its number."""
    return _login(connection, f"SELECT {_LOGIN} FROM accounts WHERE id = ?", account)


def list_logins(connection: Connection) -> list[Login]:
    """Return all accounts by name, also those that nobody can log in to."""
    return [Login(*row) for row in connection.execute(f"SELECT {_LOGIN} FROM accounts ORDER BY folded")]


def anybody_can_log_in(connection: Connection) -> bool:
    """Whether any account has a password."""
    return connection.execute("SELECT 1 FROM accounts WHERE password IS NOT NULL LIMIT 1").fetchone() is not None


def set_password(connection: Connection, account: int, password: str) -> None:
    """Replace the password hash of an account."""
    connection.execute("UPDATE accounts SET password = ? WHERE id = ?", (password, account))


def replace_password(connection: Connection, account: int, old: str, new: str) -> None:
    """Replace a password hash, unless it was changed meanwhile."""
    connection.execute("UPDATE accounts SET password = ? WHERE id = ? AND password = ?", (new, account, old))


def set_role(connection: Connection, account: int, role: str) -> None:
    """Make somebody owner or member."""
    connection.execute("UPDATE accounts SET role = ? WHERE id = ?", (role, account))


def _login(connection: Connection, sql: str, value: object) -> Login | None:
    row = connection.execute(sql, (value,)).fetchone()
    return Login(*row) if row else None


# Sessions


def add_session(
    connection: Connection, account: int, token_hash: bytes, *, agent: str, remembered: bool, now: int, expires: int
) -> int:
    """Remember a browser; return the number of its session."""
    sql = (
        "INSERT INTO sessions (token_hash, account, agent, remembered, created, last_seen, expires) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id"
    )
    row = connection.execute(sql, (token_hash, account, agent, remembered, now, now, expires)).fetchone()
    number: int = row[0]
    return number


def find_session(connection: Connection, token_hash: bytes, now: int) -> tuple[Session, Login] | None:
    """Return a session that has not expired, and whose it is."""
    sql = (
        f"SELECT {_SESSION}, {_LOGIN} FROM sessions JOIN accounts ON accounts.id = sessions.account "
        "WHERE token_hash = ? AND expires > ?"
    )
    row = connection.execute(sql, (token_hash, now)).fetchone()
    if row is None:
        return None
    size = len(Session.__struct_fields__)
    return _session(row[:size]), Login(*row[size:])


def list_sessions(connection: Connection, account: int, now: int) -> list[Session]:
    """Return the sessions of an account that have not expired, the last seen first."""
    sql = f"SELECT {_SESSION} FROM sessions WHERE account = ? AND expires > ? ORDER BY last_seen DESC, id DESC"
    return [_session(row) for row in connection.execute(sql, (account, now))]


def touch_session(connection: Connection, session: int, *, now: int, expires: int) -> None:
    """Note that a session was used, and until when it is good."""
    connection.execute("UPDATE sessions SET last_seen = ?, expires = ? WHERE id = ?", (now, expires, session))


def end_session(connection: Connection, account: int, session: int) -> bool:
    """End one session of an account; False when it has no such session."""
    sql = "DELETE FROM sessions WHERE account = ? AND id = ?"
    return connection.execute(sql, (account, session)).rowcount == 1


def end_session_of(connection: Connection, token_hash: bytes) -> None:
    """End the session with that hash."""
    connection.execute("DELETE FROM sessions WHERE token_hash = ?", (token_hash,))


def end_sessions(connection: Connection, account: int, *, but: int | None = None) -> int:
    """End all sessions of an account, or all `but` one; return how many."""
    sql = "DELETE FROM sessions WHERE account = ? AND id IS NOT ?"
    return connection.execute(sql, (account, but)).rowcount


def _session(row: tuple[int, int, str, int, int, int, int]) -> Session:
    number, account, agent, remembered, created, last_seen, expires = row
    return Session(number, account, agent, bool(remembered), created, last_seen, expires)


# Invitations


def add_invitation(connection: Connection, code_hash: bytes, *, by: int | None, now: int, expires: int) -> None:
    """Let a code register one new person. `by` is the account that asks for it, None for the operator."""
    sql = "INSERT INTO invitations (code_hash, account, created, expires) VALUES (?, ?, ?, ?)"
    connection.execute(sql, (code_hash, by, now, expires))


def is_invited(connection: Connection, code_hash: bytes, now: int) -> bool:
    """Whether a code could register somebody now."""
    sql = "SELECT 1 FROM invitations WHERE code_hash = ? AND used_at IS NULL AND expires > ?"
    return connection.execute(sql, (code_hash, now)).fetchone() is not None


def use_invitation(connection: Connection, code_hash: bytes, now: int) -> bool:
    """Use up an invitation; False when it is unknown, used or expired."""
    sql = "UPDATE invitations SET used_at = ? WHERE code_hash = ? AND used_at IS NULL AND expires > ?"
    return connection.execute(sql, (now, code_hash, now)).rowcount == 1


def list_invitations(connection: Connection, now: int) -> list[Invitation]:
    """Return the invitations that could still be used, the newest first."""
    sql = (
        "SELECT code_hash, created, expires FROM invitations "
        "WHERE used_at IS NULL AND expires > ? ORDER BY created DESC, code_hash"
    )
    return [Invitation(*row) for row in connection.execute(sql, (now,))]


def take_back_invitation(connection: Connection, code_hash: bytes) -> bool:
    """Forget an invitation that nobody has used; False when there is none."""
    sql = "DELETE FROM invitations WHERE code_hash = ? AND used_at IS NULL"
    return connection.execute(sql, (code_hash,)).rowcount == 1


def forget_expired(connection: Connection, now: int) -> int:
    """Forget the sessions and invitations that are over; return how many."""
    sessions = connection.execute("DELETE FROM sessions WHERE expires <= ?", (now,)).rowcount
    invitations = connection.execute(
        "DELETE FROM invitations WHERE expires <= ? OR used_at IS NOT NULL", (now,)
    ).rowcount
    return sessions + invitations


# What is told about an account


def list_app_passwords(connection: Connection, account: int) -> list[dict[str, Any]]:
    """Return for which clients an account has passwords, without anything of the passwords."""
    sql = "SELECT client, created, last_used FROM app_passwords WHERE account = ? ORDER BY created, id"
    return _named(connection.execute(sql, (account,)))


def list_shares(connection: Connection, account: int) -> list[dict[str, Any]]:
    """Return the episodes that somebody shared."""
    sql = "SELECT feed, item, shared FROM shares WHERE account = ? ORDER BY shared, feed, item"
    return _named(connection.execute(sql, (account,)))


def _named(rows: Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in rows.description]
    return [dict(zip(names, row, strict=True)) for row in rows]


# Accounts that go


def delete_account(connection: Connection, account: int, now: int) -> None:
    """Take an account away with all the relay knows of it; its library is then forgotten bit by bit.

    The library's tables do not point at `accounts`, so from here on nobody can reach them: `list_deletions` remembers
    that they are still to be emptied.
    """
    connection.execute("INSERT OR IGNORE INTO deletions (account, began) VALUES (?, ?)", (account, now))
    for table in _OF_AN_ACCOUNT:
        connection.execute(f"DELETE FROM {table} WHERE account = ?", (account,))
    connection.execute("DELETE FROM accounts WHERE id = ?", (account,))


def list_deletions(connection: Connection) -> list[int]:
    """Return the accounts that are gone."""
    return [row[0] for row in connection.execute("SELECT account FROM deletions ORDER BY account")]
