"""Who is logged in, and with what."""

from msgspec import Struct

OWNER = "owner"
MEMBER = "member"


class Person(Struct, frozen=True):
    """A person in one session: the account, how it is called, what it may do, and the session's number."""

    account: int
    user_id: str
    name: str
    role: str
    session: int

    @property
    def is_owner(self) -> bool:
        return self.role == OWNER


class Browser(Struct, frozen=True):
    """What somebody uses to look at a page: the address it comes from, and what it calls itself."""

    source: str
    agent: str


class LoggedIn(Struct, frozen=True):
    """A new session: what its cookie holds, and for how many seconds (None: until the browser is closed)."""

    token: str
    max_age: int | None


class Inhabitant(Struct, frozen=True):
    """Somebody as the owner sees them. `standing` is the role, or that there is no password."""

    account: int
    user_id: str
    name: str
    standing: str
    created: int
