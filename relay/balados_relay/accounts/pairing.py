"""From a code to a key that may speak for an account. Each function is the work of one transaction.

Law: a code is used up in the transaction that registers the key, so it pairs one device; and an app id is never given
to another key, so nobody who pairs can take over what a device already is.
"""

from itertools import count
from sqlite3 import Connection
from uuid import UUID

from msgspec import Struct

from balados_relay.storage import accounts as storage
from balados_relay.storage.accounts import Grant
from balados_shared.times import MINUTE

INVITE_LIFETIME = 15 * MINUTE

DEVICE_PREFIX = "app.balados.daemon."
"""How the app ids of our own programs begin. No app gets one by consent."""


class Paired(Struct, frozen=True):
    """What a device needs to know to sign its requests."""

    account: int
    user_id: str
    app_id: str


class Applicant(Struct, frozen=True):
    """A key that wants to speak for an account, and the app id that it would like."""

    app_id: str
    public_key: str
    device_name: str


def invite(connection: Connection, name: str, code_hash: bytes, *, random: bytes, now: int) -> None:
    """Let a code pair a device with the account of that name; a new account's user id is made of 16 random bytes."""
    account = storage.find_account(connection, name)
    if account is None:
        user_id = str(UUID(bytes=random, version=4))
        account = storage.create_account(connection, user_id=user_id, name=name, now=now)
    storage.add_invite(connection, account.id, code_hash, now=now, expires=now + INVITE_LIFETIME)


def redeem(connection: Connection, code_hash: bytes, applicant: Applicant, now: int) -> Paired | None:
    """Use up a code and register the applicant's key; None when the code is not good."""
    account = storage.redeem_invite(connection, code_hash, now)
    if account is None:
        return None
    app_id = _free_app_id(connection, account.id, applicant)
    storage.add_grant(
        connection,
        Grant(
            account=account.id,
            app_id=app_id,
            public_key=applicant.public_key,
            device_name=applicant.device_name,
            created=now,
        ),
    )
    return Paired(account.id, account.user_id, app_id)


def _free_app_id(connection: Connection, account: int, applicant: Applicant) -> str:
    """Return the wished app id, or the first numbered one, that no other key has."""
    for number in count(1):
        app_id = applicant.app_id if number == 1 else f"{applicant.app_id}.{number}"
        holder = storage.get_grant(connection, account, app_id)
        if holder is None or holder.public_key == applicant.public_key:
            return app_id
    raise AssertionError("numbers do not end")
