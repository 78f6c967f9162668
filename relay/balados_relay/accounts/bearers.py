"""Bearer tokens: for apps that cannot sign, which show the same token with every request for a year.

Law: a token is 256 random bits and stored as a hash; what renews one works once (RFC 9700 section 4.14.2); both are
worthless from the moment that their app is revoked.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from sqlite3 import Connection

from msgspec import Struct

from balados_relay.storage import apps as storage
from balados_relay.storage.accounts import Grant
from balados_relay.storage.apps import Bearer
from balados_shared import problems
from balados_shared.storage.database import Database
from balados_shared.times import DAY

LIFETIME = 365 * DAY
REFRESH_LIFETIME = 400 * DAY
"""A little longer than what it renews, so that an app can come late."""

ACCESS, REFRESH = "balados_", "balados_renew_"
"""How our tokens begin, so that people and scanners know what they found."""

_BYTES = 32
_DEVICE_BYTES = 9


class Issued(Struct, frozen=True):
    """A new token, what renews it, and until when it is good, in milliseconds."""

    token: str
    refresh_token: str
    expires: int


class Bearers:
    """Makes and renews tokens. `clock` gives milliseconds."""

    def __init__(self, database: Database, clock: Callable[[], int], random_bytes: Callable[[int], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._random_bytes = random_bytes

    async def issue(self, account: int, *, app_id: str, name: str, url: str | None, scopes: Sequence[str]) -> Issued:
        """Let an app without a key in, and make a token for it. Its earlier tokens stay good, with the new scopes."""
        now = self._clock()
        grant = Grant(account, app_id, "", name, now, name=name, url=url, scopes=" ".join(scopes))
        issued, bearer = self._make(account, app_id, self._random_text(_DEVICE_BYTES), name, now)

        def work(connection: Connection) -> None:
            storage.put_grant(connection, grant)
            storage.add_bearer(connection, bearer)

        await self._database.write(work)
        return issued

    async def renew(self, refresh_token: str) -> Issued:
        """Put a new token in the place of an old one. Raises Problem 401, always the same."""
        now, refresh_hash = self._clock(), hash_token(refresh_token)
        found = self._database.read(lambda conn: storage.find_renewable(conn, refresh_hash, now))
        if found is None:
            raise problems.unauthorized()
        _, old = found
        issued, new = self._make(old.account, old.app_id, old.device_id, old.device_name, now)
        if not await self._database.write(lambda conn: storage.renew_bearer(conn, old, new)):
            raise problems.unauthorized()
        return issued

    def find(self, token: str, now: int) -> tuple[Grant, Bearer] | None:
        """Return whose token this is and what they may do; None when it is not good."""
        token_hash = hash_token(token)
        return self._database.read(lambda conn: storage.find_bearer(conn, token_hash, now))

    def user_id(self, account: int) -> str:
        """Return the UUID by which tokens name an account."""
        return self._database.read(lambda conn: storage.user_id_of(conn, account))

    def _make(self, account: int, app_id: str, device_id: str, name: str, now: int) -> tuple[Issued, Bearer]:
        issued = Issued(ACCESS + self._random_text(_BYTES), REFRESH + self._random_text(_BYTES), now + LIFETIME)
        bearer = Bearer(
            account=account,
            app_id=app_id,
            device_id=device_id,
            device_name=name,
            token_hash=hash_token(issued.token),
            refresh_hash=hash_token(issued.refresh_token),
            created=now,
            expires=issued.expires,
            refresh_expires=now + REFRESH_LIFETIME,
        )
        return issued, bearer

    def _random_text(self, amount: int) -> str:
        return base64.urlsafe_b64encode(self._random_bytes(amount)).rstrip(b"=").decode()


def is_signed(token: str) -> bool:
    """Whether a token is a JWT: exactly three parts that are not empty (protocol sheet, section 6)."""
    parts = token.split(".")
    return len(parts) == 3 and all(parts)


def hash_token(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
