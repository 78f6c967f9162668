"""How an account goes, with everything in it.

Law: from the moment that somebody confirms it, nobody can reach the account and its devices are cut off; its library
then goes bit by bit, and what a stop of the relay left over goes after the next start.
"""

import asyncio
import logging
from collections.abc import Callable
from sqlite3 import Connection

from balados_relay.accounts.service import Accounts
from balados_relay.people.person import OWNER, Browser, Person
from balados_relay.people.service import People
from balados_relay.storage import accounts as grants
from balados_relay.storage import people as storage
from balados_relay.storage.people import Login
from balados_shared import problems
from balados_shared.errors import BaladosError, Refused
from balados_shared.storage import forget
from balados_shared.storage.database import Database

_log = logging.getLogger(__name__)


class Leaving:
    """Deletes accounts. `clock` gives milliseconds."""

    def __init__(self, database: Database, accounts: Accounts, people: People, clock: Callable[[], int]) -> None:
        self._database = database
        self._accounts = accounts
        self._people = people
        self._clock = clock
        self._something_left = asyncio.Event()

    async def leave(self, person: Person, password: str, browser: Browser) -> None:
        """Delete somebody's own account. Raises WrongPassword, Problem 429, and Refused for an owner of others."""
        await self._people.confirm(person, password, browser)
        await asyncio.shield(self._delete(person.account))

    async def remove(self, owner: Person, password: str, user_id: str, browser: Browser) -> Login:
        """Delete a member's account for the owner; return whose it was. Raises as `leave` does, and Problem 404."""
        await self._people.confirm(owner, password, browser)
        login = self._database.read(lambda conn: storage.find_login_by_id(conn, user_id))
        if login is None:
            raise problems.not_found("There is no such person.")
        if login.account == owner.account:
            raise Refused("Your own account is deleted further down.")
        await asyncio.shield(self._delete(login.account))
        return login

    async def finish(self) -> None:
        """Take away what is left of the libraries of accounts that are gone. Safe to be ended at any point."""
        for account in self._database.read(storage.list_deletions):
            await self._forget(account)

    async def keep_finishing(self) -> None:
        """Do that now, and whenever an account goes, for ever."""
        while True:
            self._something_left.clear()
            try:
                await self.finish()
            except BaladosError as error:
                _log.warning("could not take a deleted library away: %s", error)
            await self._something_left.wait()

    async def _forget(self, account: int) -> None:
        while await self._database.write(lambda conn: forget.forget_some(conn, account)):
            pass

    async def _delete(self, account: int) -> None:
        now = self._clock()
        app_ids = await self._database.write(lambda conn: _take_away(conn, account, now))
        for app_id in app_ids:
            for tell in self._accounts.on_revoked:
                tell(account, app_id)
        self._something_left.set()


def _take_away(connection: Connection, account: int, now: int) -> list[str]:
    """Delete an account; return the apps that could speak for it."""
    login = storage.get_login(connection, account)
    others = [each for each in storage.list_logins(connection) if each.password and each.account != account]
    if login and login.role == OWNER and others:
        raise Refused("You own this relay, and there are others. Remove them first.")
    app_ids = [grant.app_id for grant in grants.list_grants(connection, account)]
    storage.delete_account(connection, account, now)
    return app_ids
