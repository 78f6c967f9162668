"""Who sent a request, by the token it carries.

Law: a token that is not good is answered with one and the same 401, so that nothing can be learned from it (protocol
sheet section 2.3). Whether a key may speak is read from the database at each request, so revoking it holds from the
next one on.
"""

import hashlib
from collections.abc import Callable
from sqlite3 import Connection

from msgspec import Struct

from balados_relay.accounts.bearers import Bearers, is_signed
from balados_relay.accounts.single_use import SINGLE_USE_LIFETIME, UsedTokens
from balados_relay.accounts.verified import Verified, VerifiedTokens
from balados_relay.storage import accounts as storage
from balados_relay.storage.accounts import Grant
from balados_relay.storage.apps import Bearer
from balados_shared import problems
from balados_shared.storage.database import Database
from balados_shared.times import HOUR, SECOND
from balados_shared.tokens import Claims, InvalidToken, Peeked, new_key, peek, public_pem, verify_request

LEEWAY_S = 60
NOTED_EVERY = HOUR
"""How exactly the last use of a grant is kept: a write to the disk per request would cost more than the request."""


class Caller(Struct, frozen=True, kw_only=True):
    """Who sent a request, and what they may do. `expires` and `lifetime` are the token's, in milliseconds."""

    account: int
    user_id: str
    app_id: str
    device_id: str
    device_name: str
    scopes: tuple[str, ...]
    token_id: str | None
    expires: int
    lifetime: int

    @property
    def author(self) -> str:
        """Return the device id under which the relay numbers what this caller changes without numbers.

        It is made of the app's and the caller's own, so that it can never be the id of a device that numbers itself.
        """
        return "client-" + hashlib.sha256(f"{self.app_id}\0{self.device_id}".encode()).hexdigest()[:16]


class Callers:
    """Tells callers by their tokens. `clock` gives milliseconds."""

    def __init__(self, database: Database, clock: Callable[[], int], bearers: Bearers) -> None:
        self._database = database
        self._clock = clock
        self._bearers = bearers
        self._verified = VerifiedTokens()
        self._used_up = UsedTokens()
        self._noted: dict[tuple[int, str], int] = {}
        self._unsaved: dict[tuple[int, str], int] = {}
        # An unknown app, or one that has no key, is checked with a key that nobody has, so that it takes as long as a
        # wrong signature.
        self._nobodys_key = public_pem(new_key())

    def authenticate(self, token: str) -> Caller:
        """Return who signed a token. Raises Problem 401."""
        now = self._clock()
        if not is_signed(token):
            return self._bearer(token, now)
        try:
            grant, claims = self._check(token, now)
        except InvalidToken:
            raise problems.unauthorized() from None
        self._note_use(grant, now)
        return _caller(grant, claims)

    def _bearer(self, token: str, now: int) -> Caller:
        found = self._bearers.find(token, now)
        if found is None:
            raise problems.unauthorized()
        grant, bearer = found
        self._note_use(grant, now)
        return _bearer_caller(grant, bearer, self._bearers.user_id(grant.account))

    def claim_once(self, caller: Caller) -> None:
        """Use up a token that lives at most five minutes and has an id. Raises Problem: 401 for a replay, or 429."""
        if caller.token_id is not None and caller.lifetime <= SINGLE_USE_LIFETIME:
            until = caller.expires + LEEWAY_S * SECOND
            self._used_up.claim(caller.account, caller.app_id, caller.token_id, until=until, now=self._clock())

    async def save_uses(self) -> None:
        """Write down which grants were used since the last time. For a timer, and for the end."""
        unsaved, self._unsaved = self._unsaved, {}
        if unsaved:
            await self._database.write(lambda connection: _touch(connection, unsaved))

    def _check(self, token: str, now: int) -> tuple[Grant, Claims]:
        known = self._verified.get(token, now)
        grant = self._grant(known.claims if known else peek(token))
        if known and grant and grant.public_key == known.public_key:
            return grant, known.claims
        key = grant.public_key if grant else ""
        claims = verify_request(token, key or self._nobodys_key, now=now, leeway_s=LEEWAY_S)
        if grant is None or not key:
            raise InvalidToken("nobody's key signed a token")
        self._verified.put(token, Verified(claims, grant.public_key))
        return grant, claims

    def _grant(self, named: Claims | Peeked) -> Grant | None:
        return self._database.read(lambda conn: storage.find_grant(conn, named.user_id, named.app_id))

    def _note_use(self, grant: Grant, now: int) -> None:
        key = (grant.account, grant.app_id)
        if now >= self._noted.get(key, 0) + NOTED_EVERY:
            self._noted[key] = self._unsaved[key] = now


def _touch(connection: Connection, uses: dict[tuple[int, str], int]) -> None:
    for (account, app_id), time in uses.items():
        storage.touch(connection, account, app_id, time)


def _caller(grant: Grant, claims: Claims) -> Caller:
    """What a token leaves out has the documented defaults."""
    return Caller(
        account=grant.account,
        user_id=claims.user_id,
        app_id=grant.app_id,
        device_id=claims.device_id or grant.app_id,
        device_name=claims.device_name or grant.device_name,
        scopes=tuple(grant.scopes.split()),
        token_id=claims.token_id,
        expires=claims.expires * SECOND,
        lifetime=claims.lifetime,
    )


def _bearer_caller(grant: Grant, bearer: Bearer, user_id: str) -> Caller:
    """Each token is a device of its own, and is shown many times."""
    return Caller(
        account=grant.account,
        user_id=user_id,
        app_id=grant.app_id,
        device_id=bearer.device_id,
        device_name=bearer.device_name,
        scopes=tuple(grant.scopes.split()),
        token_id=None,
        expires=bearer.expires,
        lifetime=bearer.expires - bearer.created,
    )
