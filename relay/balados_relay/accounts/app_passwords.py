"""App passwords such as `k7qf-m2xd-9hwn-4tpb-rz6c`: for clients that can log in with a name and a password only.

Law: the relay makes them, never a person, so a plain hash is enough to keep one (99 bits cannot be guessed, RFC 4086
section 3); its text is shown once. What a wrong one is answered tells nothing, not even whether the name exists.
"""

import hashlib
from collections.abc import Callable

from balados_relay.accounts.codes import spelled, without_gaps
from balados_relay.accounts.names import plain
from balados_relay.accounts.tries import PasswordTries
from balados_relay.storage import app_passwords as storage
from balados_relay.storage.app_passwords import AppPassword
from balados_shared import problems
from balados_shared.storage.database import Database
from balados_shared.times import HOUR

MAX_CLIENT = 100

_LENGTH, _GROUP = 20, 4
_RANDOM_BYTES = 32
_MAX_TYPED = 200
_NOTED_EVERY = HOUR
"""How exactly the last use is kept: such clients send the password with every request."""


class AppPasswords:
    """Makes app passwords and knows them again. `clock` gives milliseconds."""

    def __init__(self, database: Database, clock: Callable[[], int], random_bytes: Callable[[int], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._random_bytes = random_bytes
        self._tries = PasswordTries()

    async def create(self, account: int, client: str) -> str:
        """Make a password for one client; return its text, which is kept nowhere. Raises InvalidInput for the name."""
        client = plain(client.strip(), "the name of a client", MAX_CLIENT)
        letters, now = spelled(self._random_bytes(_RANDOM_BYTES), _LENGTH).lower(), self._clock()
        password_hash = _hash(letters)
        await self._database.write(lambda conn: storage.add_app_password(conn, account, client, password_hash, now))
        return "-".join(letters[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))

    def list(self, account: int) -> list[AppPassword]:
        """Return the passwords of an account, the newest first."""
        return self._database.read(lambda conn: storage.list_app_passwords(conn, account))

    async def revoke(self, account: int, id: int) -> bool:
        """Let a password in no more; False when the account has no such one."""
        return await self._database.write(lambda conn: storage.forget_app_password(conn, account, id))

    async def check(self, name: str, password: str, source: str) -> AppPassword:
        """Return the password that somebody at the address `source` shows, with its account and its client.

        Raises Problem: 401, the same for an unknown name and a wrong password, or 429 after too many of them.
        """
        now = self._clock()
        begun = self._tries.begin(name, source, now)
        password_hash = _hash(without_gaps(password).lower() if len(password) <= _MAX_TYPED else "")
        found = self._database.read(lambda conn: storage.find_app_password(conn, name, password_hash))
        if found is None:
            raise problems.unauthorized()
        self._tries.take_back(begun)
        if found.last_used is None or now >= found.last_used + _NOTED_EVERY:
            await self._database.write(lambda conn: storage.touch_app_password(conn, found.id, now))
        return found


def _hash(letters: str) -> bytes:
    return hashlib.sha256(letters.encode("utf-8", "surrogatepass")).digest()
