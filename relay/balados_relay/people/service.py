"""The people of a relay: its first owner, those who register, what they log in with, and where they are logged in.

Law: whether a name exists, cannot be told from what a wrong log-in is answered, nor from how long that takes.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from sqlite3 import Connection

from balados_relay.accounts.codes import RANDOM_BYTES, hash_code, new_code, read_code
from balados_relay.accounts.service import Accounts
from balados_relay.accounts.tries import CodeTries, PasswordTries
from balados_relay.people import joining, rules
from balados_relay.people.joining import Applicant
from balados_relay.people.passwords import Passwords
from balados_relay.people.person import Browser, Inhabitant, LoggedIn, Person
from balados_relay.people.sessions import REMEMBERED, first_expiry, is_worth_noting, next_expiry
from balados_relay.storage import people as storage
from balados_relay.storage.people import Invitation, Login, Session
from balados_shared import problems
from balados_shared.errors import InvalidInput, Refused
from balados_shared.problems import Problem
from balados_shared.storage.database import Database
from balados_shared.times import DAY, SECOND

INVITATION_LIFETIME = 7 * DAY
CLOSED, INVITED, OPEN = "closed", "invited", "open"

_TOKEN_BYTES = 32
_MAX_AGENT = 300
_NO_CODE = b""


class WrongPassword(Refused):
    """A name and a password that do not go together."""

    def __init__(self, message: str = "That name and password do not go together.") -> None:
        super().__init__(message)


class People:
    """Lets people in. `clock` gives milliseconds; `registration` is closed, invited (by a link) or open."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        clock: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        registration: str = INVITED,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock
        self._random_bytes = random_bytes
        self._passwords = Passwords()
        self._tries = PasswordTries()
        self._codes = CodeTries()
        self._setup_code = self._new_code()
        self.registration = registration

    # The first owner

    def needs_owner(self) -> bool:
        """Whether nobody can log in yet."""
        return not self._database.read(storage.anybody_can_log_in)

    @property
    def setup_code(self) -> str:
        """What the first owner must know: only who started the relay sees it."""
        return self._setup_code

    async def set_up(self, code: str, name: str, password: str, again: str, browser: Browser) -> LoggedIn:
        """Make the owner, and log them in.

        Raises InvalidInput for a name or password that cannot be, Refused for a wrong code or when there is an owner,
        and Problem 429.
        """
        rules.check_same(password, again)
        begun = self._codes.begin(browser.source, self._clock())
        if not hmac.compare_digest(_hash(code), _hash(self._setup_code)):
            raise Refused("This is not the setup code. The relay prints it when it starts.")
        self._codes.was_right(begun)
        owner = await self.make_owner(name, password)
        return await self._start_session(owner, browser, remember=False)

    async def make_owner(self, name: str, password: str) -> Login:
        """Make the owner. Raises InvalidInput as `set_up` does, Refused when there is one."""
        name = name.strip()
        if not self.needs_owner():
            raise Refused(joining.OWNED)
        self._database.read(lambda conn: joining.check_owners_name(conn, name))
        applicant = await self._applicant(name, password)
        now = self._clock()
        return await self._database.write(lambda conn: joining.become_owner(conn, applicant, now))

    # Others

    def everybody(self) -> list[Inhabitant]:
        """Return all accounts by name, also those of devices alone."""
        return [_inhabitant(login) for login in self._database.read(storage.list_logins)]

    async def invite(self, by: Person | None = None) -> str:
        """Return the code of a new invitation, good for one person and seven days. `by` is None for the operator."""
        code, now = self._new_code(), self._clock()
        code_hash, account = _hash(code), by.account if by else None
        expires = now + INVITATION_LIFETIME
        await self._database.write(
            lambda conn: storage.add_invitation(conn, code_hash, by=account, now=now, expires=expires)
        )
        return code

    def invitations(self) -> list[Invitation]:
        """Return the invitations that nobody has used yet."""
        now = self._clock()
        return self._database.read(lambda conn: storage.list_invitations(conn, now))

    async def take_back_invitation(self, code_hash: bytes) -> bool:
        """Make an invitation worthless; False when there is none."""
        return await self._database.write(lambda conn: storage.take_back_invitation(conn, code_hash))

    async def register(self, code: str, name: str, password: str, again: str, browser: Browser) -> LoggedIn:
        """Make a member and log them in, with an invitation unless registration is open to all.

        Raises InvalidInput for a name or password that cannot be, Refused for an invitation that is not good, 429.
        """
        name, now = rules.check_name(name.strip()), self._clock()
        rules.check_same(password, again)
        rules.check_password(password, name)
        begun = self._codes.begin(browser.source, now)
        invitation = self._invitation(code, now)
        applicant = await self._applicant(name, password)
        login = await self._database.write(lambda conn: joining.join(conn, applicant, invitation, now))
        if invitation is not None:  # where registration is open, those who succeed are limited too
            self._codes.was_right(begun)
        return await self._start_session(login, browser, remember=False)

    def _invitation(self, code: str, now: int) -> bytes | None:
        """Return the hash of the invitation that somebody has; None where none is needed."""
        if self.registration == OPEN and not code:
            return None
        code_hash = _hash(code)
        if self.registration == CLOSED or not self._database.read(
            lambda conn: storage.is_invited(conn, code_hash, now)
        ):
            raise Refused(joining.INVITATION_NEEDED)
        return code_hash

    async def _applicant(self, name: str, password: str) -> Applicant:
        hashed = await self._passwords.hash(rules.check_password(password, name))
        return Applicant(name, hashed, self._random_bytes(16))

    # Logging in and out

    async def log_in(self, name: str, password: str, browser: Browser, *, remember: bool) -> LoggedIn:
        """Start a session. Raises WrongPassword, or Problem 429 after too many of them."""
        return await self._start_session(await self._prove(name, password, browser), browser, remember)

    async def recognise(self, token: str) -> Person | None:
        """Return whose session a cookie names, and note that it is used."""
        if not token:
            return None
        now, token_hash = self._clock(), _hash_token(token)
        found = self._database.read(lambda conn: storage.find_session(conn, token_hash, now))
        if found is None:
            return None
        session, login = found
        if is_worth_noting(session, now):
            expires = next_expiry(session, now)
            await self._database.write(lambda conn: storage.touch_session(conn, session.id, now=now, expires=expires))
        return Person(login.account, login.user_id, login.name, login.role, session.id)

    async def log_out(self, token: str) -> None:
        """End the session that a cookie names."""
        token_hash = _hash_token(token)
        await self._database.write(lambda conn: storage.end_session_of(conn, token_hash))

    def sessions(self, person: Person) -> list[Session]:
        """Return where somebody is logged in, the last seen first."""
        now = self._clock()
        return self._database.read(lambda conn: storage.list_sessions(conn, person.account, now))

    async def end_session(self, person: Person, session: int) -> bool:
        """Log one browser out; False when the person has no such session."""
        return await self._database.write(lambda conn: storage.end_session(conn, person.account, session))

    async def end_other_sessions(self, person: Person) -> int:
        """Log all other browsers out; return how many."""
        return await self._database.write(lambda conn: storage.end_sessions(conn, person.account, but=person.session))

    # Passwords

    async def change_password(self, person: Person, old: str, new: str, again: str, browser: Browser) -> None:
        """Replace somebody's password and log all other browsers out.

        Raises InvalidInput for one that cannot be, WrongPassword when the old one is wrong, Problem 429.
        """
        rules.check_same(new, again)
        rules.check_password(new, person.name)
        await self.confirm(person, old, browser)
        await self._replace_password(person.account, person.name, new, but=person.session)

    async def set_password(self, name: str, password: str) -> None:
        """Give an account a password, for the operator, and end all its sessions.

        Raises InvalidInput, Problem 404, and Refused while there is no owner, who must be made first.
        """
        if self.needs_owner():
            raise Refused("This relay has no owner yet. Make one with: balados-relay init NAME")
        login = self._database.read(lambda conn: storage.find_login(conn, name))
        if login is None:
            raise problems.not_found("There is no account of that name.")
        await self._replace_password(login.account, login.name, password, but=None)

    async def confirm(self, person: Person, password: str, browser: Browser) -> None:
        """Make sure that it is still the same person. Raises WrongPassword, Problem 429."""
        try:
            await self._prove(person.name, password, browser)
        except WrongPassword:
            raise WrongPassword("That is not your password.") from None

    async def _replace_password(self, account: int, name: str, password: str, *, but: int | None) -> None:
        hashed = await self._passwords.hash(rules.check_password(password, name))

        def replace(connection: Connection) -> None:
            storage.set_password(connection, account, hashed)
            storage.end_sessions(connection, account, but=but)

        await self._database.write(replace)

    async def _prove(self, name: str, password: str, browser: Browser) -> Login:
        """Return who has this name and this password. Raises WrongPassword, or Problem: 429, or 503 when too busy."""
        begun = self._tries.begin(name, browser.source, self._clock())
        password = rules.as_typed_anywhere(password)
        login = self._database.read(lambda conn: storage.find_login(conn, name))
        try:
            right = await self._passwords.fits(login.password if login else None, password)
        except Problem:
            self._tries.take_back(begun)
            raise
        if login is None or login.password is None or not right:
            raise WrongPassword
        self._tries.take_back(begun)
        if self._passwords.is_outdated(login.password):
            return await self._renew_hash(login, login.password, password)
        return login

    async def _renew_hash(self, login: Login, old: str, password: str) -> Login:
        new = await self._passwords.hash(password)
        await self._database.write(lambda conn: storage.replace_password(conn, login.account, old, new))
        return Login(login.account, login.user_id, login.name, login.role, login.created, new)

    async def _start_session(self, login: Login, browser: Browser, remember: bool) -> LoggedIn:
        token = base64.urlsafe_b64encode(self._random_bytes(_TOKEN_BYTES)).rstrip(b"=").decode()
        token_hash, now = _hash_token(token), self._clock()
        agent = "".join(filter(str.isprintable, browser.agent))[:_MAX_AGENT]
        expires = first_expiry(remembered=remember, now=now)

        def start(connection: Connection) -> None:
            # Between the check and this moment the password may have been replaced, or the account be gone.
            current = storage.get_login(connection, login.account)
            if current is None or current.password != login.password:
                raise WrongPassword
            storage.add_session(
                connection, login.account, token_hash, agent=agent, remembered=remember, now=now, expires=expires
            )

        await self._database.write(start)
        return LoggedIn(token, REMEMBERED // SECOND if remember else None)

    def now(self) -> int:
        """Return the time in milliseconds."""
        return self._clock()

    def _new_code(self) -> str:
        return new_code(self._random_bytes(RANDOM_BYTES))


def invitation_link(relay: str, code: str) -> str:
    """Return what an invited person opens, at the address of a relay."""
    return f"{relay.rstrip('/')}/users/register?code={code}"


def _inhabitant(login: Login) -> Inhabitant:
    standing = login.role if login.password else "devices only, cannot log in"
    return Inhabitant(login.account, login.user_id, login.name, standing, login.created)


def _hash_token(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _hash(typed: str) -> bytes:
    try:
        return hash_code(read_code(typed))
    except InvalidInput:
        return _NO_CODE
