"""What the relay's operator can do, whether the relay runs (over its API) or not (on its files)."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from balados_relay.accounts.app_passwords import AppPasswords
from balados_relay.accounts.codes import pairing_command
from balados_relay.accounts.service import Accounts
from balados_relay.maintenance import Result, jobs_named, run_jobs
from balados_relay.people.service import People, invitation_link
from balados_relay.storage import accounts as storage
from balados_shared.storage import reading
from balados_shared.storage.database import Database
from balados_shared.times import Instant


class Invited(Struct, frozen=True):
    """A pairing code, and where people reach the relay, if it was told."""

    code: str
    url: str | None

    def command(self, here: str) -> str:
        """Return what pairs a device, which finds the relay `here` if there is no better address."""
        return pairing_command(self.url or here, self.code)


class AccountRow(Struct, frozen=True):
    """An account: whose, since when, with how many devices and records."""

    name: str
    created_at: str
    devices: int
    records: int


class GrantRow(Struct, frozen=True):
    """A device that may, or might once, speak for an account."""

    id: str
    name: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class Admin:
    """The operator's commands. `token` is what they show over the API."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        app_passwords: AppPasswords,
        people: People,
        token: str,
        public_url: str | None,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._app_passwords = app_passwords
        self._people = people
        self._public_url = public_url
        self._clock = clock
        self.token = token

    async def invite(self, name: str) -> Invited:
        """Make a pairing code for an account, which is made if it is new."""
        return Invited(await self._accounts.invite(name), self._public_url)

    async def make_app_password(self, name: str, client: str) -> str:
        """Return a new app password of an account. Raises InvalidInput, or Problem 404 for an unknown account."""
        return await self._app_passwords.create(self._accounts.named(name).id, client)

    async def accounts(self) -> list[AccountRow]:
        """Return all accounts, by name."""
        rows = await self._database.scan(
            lambda connection: [
                (account, storage.list_grants(connection, account.id), len(reading.names(connection, account.id)))
                for account in storage.list_accounts(connection)
            ]
        )
        return [
            AccountRow(a.name, Instant(a.created).write(), sum(g.revoked_at is None for g in grants), records)
            for a, grants, records in rows
        ]

    async def devices(self, name: str) -> list[GrantRow]:
        """Return the devices of an account. Raises Problem 404 for an unknown one."""
        return [
            GrantRow(
                grant.app_id,
                grant.device_name,
                Instant(grant.created).write(),
                _written(grant.last_used),
                _written(grant.revoked_at),
            )
            for grant in await self._accounts.devices(name)
        ]

    async def revoke(self, name: str, device: str) -> str:
        """Revoke a device by its id or name; return its id. Raises Problem 404 or 409."""
        return (await self._accounts.revoke(name, device)).app_id

    async def make_owner(self, name: str, password: str) -> str:
        """Make the first person, who owns the relay; return their name. Raises InvalidInput or Refused."""
        return (await self._people.make_owner(name, password)).name

    async def set_password(self, name: str, password: str) -> None:
        """Give an account a new password. Raises InvalidInput, Refused, or Problem 404."""
        await self._people.set_password(name, password)

    async def invite_person(self) -> str:
        """Return the link of an invitation for a new person; without a known address of the relay only its path."""
        return invitation_link(self._public_url or "", await self._people.invite())

    async def tidy(self, jobs: Sequence[str]) -> list[Result]:
        """Do the jobs of these names now, or all of them. Raises InvalidInput for a name that none has."""
        return await run_jobs(self._database, jobs_named(jobs), self._clock)


def _written(time: int | None) -> str | None:
    return Instant(time).write() if time is not None else None
