"""How somebody gets an account to log in to. Each function is the work of one transaction.

Law: a relay has one first owner; an invitation makes one person; and nobody gets an account that is somebody's already.
"""

from sqlite3 import Connection
from uuid import UUID

from msgspec import Struct

from balados_relay.people.person import MEMBER, OWNER
from balados_relay.people.rules import check_name
from balados_relay.storage import accounts
from balados_relay.storage import people as storage
from balados_relay.storage.people import Login
from balados_shared.errors import InvalidInput, Refused

INVITATION_NEEDED = "This invitation is not valid. Invitations work once, for 7 days; ask for a new one."
OWNED = "This relay has an owner already."


class Applicant(Struct, frozen=True):
    """Somebody who wants to join. A new account's user id is made of `random`, 16 bytes; the password is hashed."""

    name: str
    password: str
    random: bytes


def become_owner(connection: Connection, applicant: Applicant, now: int) -> Login:
    """Make the first person, who owns the relay. An account of that name that devices were paired with becomes theirs.

    Raises Refused when there is an owner already.
    """
    if storage.anybody_can_log_in(connection):
        raise Refused(OWNED)
    login = storage.find_login(connection, applicant.name) or _new_account(connection, applicant, now)
    return _let_in(connection, login, applicant.password, OWNER)


def join(connection: Connection, applicant: Applicant, invitation: bytes | None, now: int) -> Login:
    """Make a member, with the hash of an invitation's code unless none is needed.

    Raises Refused for an invitation that is not good and without an owner, InvalidInput for a name that is taken.
    """
    if not storage.anybody_can_log_in(connection):
        raise Refused("This relay has no owner yet.")
    if invitation is not None and not storage.use_invitation(connection, invitation, now):
        raise Refused(INVITATION_NEEDED)
    if storage.find_login(connection, applicant.name) is not None:
        raise InvalidInput("This name is taken. Please choose another.")
    return _let_in(connection, _new_account(connection, applicant, now), applicant.password, MEMBER)


def check_owners_name(connection: Connection, name: str) -> None:
    """Raise InvalidInput unless the owner may be called that: as an account is already, or as new people are."""
    if storage.find_login(connection, name) is None:
        check_name(name)


def _new_account(connection: Connection, applicant: Applicant, now: int) -> Login:
    user_id = str(UUID(bytes=applicant.random, version=4))
    account = accounts.create_account(connection, user_id=user_id, name=applicant.name, now=now)
    return Login(account.id, user_id, account.name, MEMBER, now, None)


def _let_in(connection: Connection, login: Login, password: str, role: str) -> Login:
    storage.set_password(connection, login.account, password)
    storage.set_role(connection, login.account, role)
    return Login(login.account, login.user_id, login.name, role, login.created, password)
