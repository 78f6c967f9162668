"""The accounts of a relay: invited by a code, paired with a key, known by its tokens, until the key is revoked."""

import asyncio
from collections.abc import Callable
from sqlite3 import Connection

from balados_relay.accounts.bearers import Bearers
from balados_relay.accounts.callers import Caller, Callers
from balados_relay.accounts.codes import RANDOM_BYTES, hash_code, new_code, read_code
from balados_relay.accounts.names import plain
from balados_relay.accounts.pairing import DEVICE_PREFIX, Applicant, Paired, invite, redeem
from balados_relay.accounts.tries import CodeTries
from balados_relay.storage import accounts as storage
from balados_relay.storage import apps
from balados_relay.storage.accounts import Account, Counter, Grant
from balados_shared import problems
from balados_shared.authorization import Authorization
from balados_shared.errors import InvalidInput
from balados_shared.problems import Problem
from balados_shared.storage.database import Database
from balados_shared.tokens import check_public_key

_INVALID_CODE = (
    "This code is not valid. Codes work once, for 15 minutes; ask for a new one with: balados-relay invite NAME"
)
_NO_CODE = b""
"""The hash of what cannot be a code: it is looked up like any other and never found."""

_MAX_NAME = 64
_MAX_DEVICE_ID = 100
_MAX_DEVICE_NAME = 100
_MAX_APP_ID = 200


class Accounts:
    """Pairs devices with accounts and revokes them. `clock` gives milliseconds.

    What is in `on_revoked` is called with the account and the app id of each grant that was revoked, for example to
    close live connections.
    """

    def __init__(self, database: Database, clock: Callable[[], int], random_bytes: Callable[[int], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._random_bytes = random_bytes
        self._tries = CodeTries()
        self.bearers = Bearers(database, clock, random_bytes)
        self._callers = Callers(database, clock, self.bearers)
        self.on_revoked: list[Callable[[int, str], None]] = []

    async def invite(self, name: str) -> str:
        """Return a new pairing code for an account, made if it is new. Raises InvalidInput for an unusable name."""
        name = plain(name.strip(), "an account name", _MAX_NAME)
        code, random, now = new_code(self._random_bytes(RANDOM_BYTES)), self._random_bytes(16), self._clock()
        code_hash = hash_code(read_code(code))
        await self._database.write(lambda conn: invite(conn, name, code_hash, random=random, now=now))
        return code

    def peek(self, code: str, *, source: str) -> Account:
        """Return whose code it is, and leave it good. Raises Problem as `pair` does."""
        now = self._clock()
        begun = self._tries.begin(source, now)
        code_hash = _hash(code)
        account = self._database.read(lambda conn: storage.peek_invite(conn, code_hash, now))
        if account is None:
            raise Problem(400, "INVALID_CODE", _INVALID_CODE)
        self._tries.was_right(begun)
        return account

    async def pair(
        self, code: str, public_key: str, *, device_id: str, device_name: str, source: str, app_id: str | None = None
    ) -> Paired:
        """Use up a code to let a key speak for its account.

        `source` is the address that the request comes from. The app id is the one wished for, by default
        `app.balados.daemon.<device_id>`, with a number behind it when another key has it. Raises InvalidInput for an
        unusable key or name, and Problem: 400 INVALID_CODE, 429 after too many wrong codes.
        """
        applicant = _applicant(public_key, device_id, device_name, app_id)
        now = self._clock()
        begun = self._tries.begin(source, now)
        code_hash = _hash(code)
        paired = await self._database.write(lambda conn: redeem(conn, code_hash, applicant, now))
        if paired is None:
            raise Problem(400, "INVALID_CODE", _INVALID_CODE)
        self._tries.was_right(begun)
        return paired

    def now(self) -> int:
        """Return the time in milliseconds."""
        return self._clock()

    def authenticate(self, token: str) -> Caller:
        """Return who signed a token. Raises Problem 401, always the same."""
        return self._callers.authenticate(token)

    def claim_once(self, caller: Caller) -> None:
        """Use up the token of a write, if it is one for a single use. Raises Problem: 401 for a replay, or 429."""
        self._callers.claim_once(caller)

    async def save_uses(self) -> None:
        """Write down which grants were used since the last time. For a timer, and for the end."""
        await self._callers.save_uses()

    def named(self, name: str) -> Account:
        """Return the account of that name. Raises Problem 404."""
        account = self._database.read(lambda conn: storage.find_account(conn, name))
        if account is None:
            raise problems.not_found("There is no account of that name.")
        return account

    async def devices(self, name: str) -> list[Grant]:
        """Return all grants of an account, the revoked ones too. Raises Problem 404 for an unknown account."""
        account = self.named(name)
        await self.save_uses()
        return self._database.read(lambda conn: storage.list_grants(conn, account.id))

    def seen(self, account: int) -> list[Counter]:
        """Return the devices that have synced with an account, the last seen first."""
        return self._database.read(lambda conn: storage.list_counters(conn, account))

    async def revoke(self, name: str, device: str) -> Grant:
        """Revoke the one grant in force that has this app id or device name; return it as it was.

        Raises Problem: 404 when there is none, 409 AMBIGUOUS when several devices have that name.
        """
        grants = [grant for grant in await self.devices(name) if grant.revoked_at is None]
        found = [grant for grant in grants if grant.app_id == device]
        found = found or [grant for grant in grants if grant.device_name == device]
        if not found:
            raise problems.not_found("This account has no such device.")
        if len(found) > 1:
            ids = ", ".join(grant.app_id for grant in found)
            raise problems.conflict("AMBIGUOUS", f"Several devices have that name; name one of them by its id: {ids}")
        await self.revoke_app(found[0].account, found[0].app_id)
        return found[0]

    async def revoke_app(self, account: int, app_id: str) -> bool:
        """Revoke a grant; False when there is none in force. It is done even if the caller goes away meanwhile."""
        return await asyncio.shield(self._revoke(account, app_id))

    async def _revoke(self, account: int, app_id: str) -> bool:
        now = self._clock()

        def revoke(connection: Connection) -> bool:
            apps.forget_bearers(connection, account, app_id)
            return storage.revoke_grant(connection, account, app_id, now)

        revoked = await self._database.write(revoke)
        if revoked:
            self._tell_revoked(account, app_id)
        return revoked

    def apps(self, account: int) -> list[Grant]:
        """Return the apps and devices that may speak for an account, the newest first."""
        return self._database.read(lambda conn: apps.list_active(conn, account))

    def app(self, account: int, app_id: str) -> Grant | None:
        """Return what an app id of an account has or had."""
        return self._database.read(lambda conn: storage.get_grant(conn, account, app_id))

    async def consent(self, account: int, asked: Authorization) -> None:
        """Grant what an app asks for. What another key had under that app id before, it has no more.

        It is done even if the caller goes away meanwhile.
        """
        await asyncio.shield(self._consent(account, asked))

    async def _consent(self, account: int, asked: Authorization) -> None:
        grant = Grant(
            account=account,
            app_id=asked.app_id,
            public_key=asked.public_key,
            device_name=asked.name,
            created=self._clock(),
            name=asked.name,
            url=asked.url,
            image=asked.image,
            scopes=" ".join(asked.scopes),
        )

        def put(connection: Connection) -> Grant | None:
            before = storage.get_grant(connection, account, asked.app_id)
            apps.put_grant(connection, grant)
            return before

        before = await self._database.write(put)
        if before is not None and (before.public_key, before.scopes) != (grant.public_key, grant.scopes):
            self._tell_revoked(account, asked.app_id)  # its open connections stand on what was granted before

    def _tell_revoked(self, account: int, app_id: str) -> None:
        for tell in self.on_revoked:
            tell(account, app_id)


def _applicant(public_key: str, device_id: str, device_name: str, app_id: str | None) -> Applicant:
    device_id = plain(device_id, "a device id", _MAX_DEVICE_ID)
    return Applicant(
        plain(app_id or f"{DEVICE_PREFIX}{device_id}", "an app id", _MAX_APP_ID),
        check_public_key(public_key),
        plain(device_name, "a device name", _MAX_DEVICE_NAME),
    )


def _hash(typed: str) -> bytes:
    try:
        return hash_code(read_code(typed))
    except InvalidInput:
        return _NO_CODE
